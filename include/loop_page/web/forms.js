// Corrections: what a person says goes to one of the loop's forms in Airflow, with the person's own rights.
import { Box, Button, Flex, Text, To, airflow, h, runLink, useState } from "./base.js";

/** A button that starts `dag` with `conf()`; what Airflow refuses is said as it says it. */
export function Send({ t, dag, conf, children, disabled }) {
  const [said, say] = useState();
  const send = async () => {
    say({ busy: true });
    try {
      const run = await airflow(`/dags/${dag}/dagRuns`, { logical_date: null, conf: conf() });
      say({ run: run.dag_run_id });
    } catch (error) {
      say({ error: error.status === 403 ? t("forbidden") : error.message });
    }
  };
  return h(Flex, { gap: 2, align: "center", wrap: "wrap", as: "span", display: "inline-flex" },
    h(Button, { size: "xs", variant: "outline", onClick: send, disabled: disabled || said?.busy }, children),
    h(Box, { as: "span", role: "status" }, said?.run ? h(To, { to: runLink(dag, said.run) }, t("sent")) : null,
      said?.error ? h(Text, { as: "span", color: "fg.error" }, said.error) : null));
}
