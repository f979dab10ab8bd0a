// On Airflow's home page: where each loop stands, in a line.
import { Answer, Card, PAGE, To, h, read, useAnswer, useTexts } from "./base.js";
import { Everything } from "./everything.js";

function Summary() {
  const t = useTexts();
  const all = useAnswer(() => read("/products"), []);
  return h(Card, { title: t("title"), mt: 4, lang: t.language, fontSize: "sm", action: h(To, { to: PAGE }, t("open_page")) },
    h(Answer, { of: all, t }, (data) => h(Everything, { t, all: data })));
}

globalThis["Loop summary"] = globalThis.AirflowPlugin = Summary;
