// Operation: objectives with their budgets, signals, and the metrics of delivery and of the loop, with what they mean.
import { Answer, Box, Card, File, Flex, Line, Rows, Said, Text, Word, h, read, useAnswer } from "./base.js";
import { Send } from "./forms.js";

const SHARES = new Set(["share"]), COUNTS = new Set(["themes", "voices", "people"]);
const value = (t, metric, number) => SHARES.has(metric.unit) ? t.share(number) : `${t.number(number)}${number === null ? "" : ` ${t(`unit_${metric.unit}`)}`}`;

function Objectives({ t, slos }) {
  if (!slos.length) return h(Text, { color: "fg.muted" }, t("no_slo"));
  return h(Flex, { gap: 3, wrap: "wrap" }, slos.map((slo) => {
    const now = slo.points.at(-1);
    return h(Box, { key: slo.name, borderWidth: "1px", borderRadius: "md", p: 3, flex: "1 1 260px", maxW: "420px" }, h("strong", null, slo.name),
      h(Box, null, t("slo_now", { sli: t.share(now?.sli ?? null), target: t.share(slo.target), requests: t.number(now?.requests ?? 0) })),
      h(Flex, { gap: 2, align: "center" }, t("budget_left"), h("b", null, t.share(now?.budget_left ?? null)), h(Line, { values: slo.points.map((point) => point.budget_left), label: t("over_time", { name: t("budget_left") }) })),
      h(Flex, { gap: 2, align: "center" }, t("burn_rate"), h("b", null, t.number(now?.burn_rate ?? null)), h(Line, { values: slo.points.map((point) => point.burn_rate), label: t("over_time", { name: t("burn_rate") }) })));
  }));
}

function Signals({ t, product, signals }) {
  if (!signals.length) return h(Text, { color: "fg.muted" }, t("no_signals"));
  return h(Rows, { label: t("signals"), head: [t("signal"), t("filter_severity"), t("state"), t("since"), t("last"), t("taken_by")],
    rows: signals.map((signal) => ({ key: signal.fingerprint, cells: [h(Said, null, signal.title), h(Word, { t }, signal.severity), h(Word, { t }, signal.status), t.ago(signal.first_at), t.ago(signal.last_at),
      signal.acknowledged_by ?? (signal.status === "open" ? h(Send, { t, dag: "acknowledge_signal", conf: () => ({ product: product.name, signal: signal.fingerprint }) }, t("acknowledge")) : "–")] })) });
}

const Incidents = ({ t, product, incidents }) => incidents.length
  ? h(Box, { as: "ul", listStyleType: "none" }, incidents.map((incident) => h(Box, { as: "li", key: incident.id, py: 2, borderBottomWidth: "1px" },
      h(Flex, { gap: 2, wrap: "wrap", align: "center" }, h("bdi", { dir: "auto" }, incident.title), h(Word, { t }, incident.severity), h(Word, { t }, incident.status),
        h(Box, { as: "span", color: "fg.muted" }, incident.owner, " · ", t.time(incident.opened_at), incident.resolved_at ? ` – ${t.time(incident.resolved_at)}` : "")),
      h("details", null, h("summary", { style: { cursor: "pointer" } }, t("timeline", { n: incident.timeline.length })),
        h(Box, { as: "ol", ps: 4 }, incident.timeline.map((fact, place) => h("li", { key: place }, t.time(fact.at), " – ", fact.what, fact.who ? ` (${fact.who})` : "", fact.text ? h(Said, null, fact.text) : null))),
        h(Box, { mt: 2 }, t("postmortem"), h(File, { t, path: `/products/${product.name}/incidents/${encodeURIComponent(incident.id)}/postmortem`, name: `${t("postmortem")} ${incident.id}` }))))))
  : h(Text, { color: "fg.muted" }, t("no_incidents"));

const Metrics = ({ t, label, metrics }) => metrics.length
  ? h(Rows, { label, head: [t("metric"), t("now"), t("over"), t("definition")], rows: metrics.map((metric) => {
      const now = metric.points.at(-1);
      return { key: metric.name, cells: [h(Box, null, t.has(`metric_${metric.name}`) ? t(`metric_${metric.name}`) : metric.name, " ", metric.band ? h(Word, { t, title: metric.band_of }, `band_${metric.band}`) : null),
        h(Box, { whiteSpace: "nowrap" }, value(t, metric, now.value), COUNTS.has(metric.unit) ? null : h(Box, { as: "span", color: "fg.muted" }, ` (n = ${t.number(now.n)})`)),
        h(Line, { values: metric.points.map((point) => point.value), label: t("over_time", { name: t(`metric_${metric.name}`) }) }),
        t.language !== "en" && t.has(`definition_${metric.name}`) ? t(`definition_${metric.name}`) : metric.definition] };
    }) })
  : h(Text, { color: "fg.muted" }, t("none_yet"));

export function Operation({ t, product }) {
  const running = useAnswer(() => read(`/products/${product.name}/operation`), [product.name]);
  const measured = useAnswer(() => read(`/products/${product.name}/metrics`), [product.name]);
  return h(Flex, { direction: "column", gap: 4 },
    h(Card, { title: t("objectives") }, h(Answer, { of: running, t }, ({ slos }) => h(Objectives, { t, slos }))),
    h(Card, { title: t("signals") }, h(Answer, { of: running, t }, ({ signals }) => h(Signals, { t, product, signals }))),
    h(Card, { title: t("incidents") }, h(Answer, { of: running, t }, ({ incidents }) => h(Incidents, { t, product, incidents }))),
    h(Card, { title: t("delivery") }, h(Answer, { of: measured, t }, ({ delivery }) => h(Metrics, { t, label: t("delivery"), metrics: delivery }))),
    h(Card, { title: t("loop_metrics") }, h(Answer, { of: measured, t }, ({ loop }) => h(Metrics, { t, label: t("loop_metrics"), metrics: loop }))));
}
