// The loop page: all products at once, and for one product its ring, themes, trace, releases and operation.
import { Answer, Box, Button, Flex, Heading, Link, PAGE, React, ReactRouterDOM, Text, h, read, useAnswer, useTexts } from "./base.js";
import { Everything } from "./everything.js";
import { Operation } from "./operation.js";
import { Releases } from "./releases.js";
import { Ring } from "./ring.js";
import { Themes } from "./themes.js";
import { Trace } from "./trace.js";

const VIEWS = { ring: Ring, themes: Themes, trace: Trace, releases: Releases, operation: Operation };

function Tabs({ t, product, view }) {
  return h(Flex, { as: "nav", "aria-label": t("views"), gap: 1, wrap: "wrap", borderBottomWidth: "1px" },
    Object.keys(VIEWS).map((name) => h(Link, {
      key: name, to: `${PAGE}?product=${product}&view=${name}`, "aria-current": name === view ? "page" : undefined,
      style: { padding: "8px 12px", fontWeight: name === view ? 600 : 400, borderBottom: `3px solid ${name === view ? "currentColor" : "transparent"}` },
    }, t(`view_${name}`))));
}

function LoopPage() {
  const t = useTexts();
  const [query, setQuery] = ReactRouterDOM.useSearchParams();
  const [product, view] = [query.get("product"), query.get("view") ?? "ring"];
  const all = useAnswer(() => read("/products"), []);
  const known = all.data?.items.find((item) => item.name === product);
  const go = (values) => setQuery((now) => {
    const next = new URLSearchParams(now);
    Object.entries(values).forEach(([name, value]) => value === undefined ? next.delete(name) : next.set(name, value));
    return next;
  });
  return h(Box, { as: "article", lang: t.language, p: { base: 2, md: 4 }, h: "100%", overflowY: "auto", color: "fg", fontSize: "sm" },
    h(Flex, { align: "baseline", gap: 3, wrap: "wrap", mb: 3 },
      h(Heading, { as: "h1", size: "xl" }, product ? h("bdi", null, known?.title ?? product) : t("title")),
      known ? h(Text, { color: "fg.muted" }, t("owner_running", { owner: known.owner, version: known.running ?? t("nothing_yet") })) : null,
      product ? h(Link, { to: PAGE, style: { textDecoration: "underline" } }, t("all_products")) : null,
      h(Button, { size: "xs", variant: "outline", onClick: all.again, ms: "auto" }, t("refresh"))),
    h(Answer, { of: all, t }, () => !product ? h(Everything, { t, all: all.data })
      : !known ? h(Text, { role: "alert" }, t("no_product"))
      : h(Box, null, h(Tabs, { t, product, view }),
          h(Box, { pt: 4 }, h(VIEWS[view] ?? Ring, { key: [product, view, query.get("kind"), query.get("id")].join(" "), t, product: known, query, go, again: all.again })))));
}

globalThis["Loop"] = globalThis.AirflowPlugin = LoopPage;
