// Releases: gates with what they rest on, the rollout with its verdicts, checks with their evidence, and the way back.
import { Answer, Box, Button, Card, File, Flex, More, PAGE, Rows, Said, Text, To, Word, h, read, runLink, useAnswer, usePages } from "./base.js";

const COLOUR = { pass: "#2f855a", fail: "#c53030" };

/** Each step as a bar as high as its share of traffic, with failed requests against the limit as a line above it. */
function Canary({ t, rollout }) {
  const [wide, height, low] = [90, 170, 130], steps = rollout.steps;
  const top = Math.max(0.001, ...steps.flatMap((step) => [step.error_rate ?? 0, step.limit ?? 0])) * 1.15;
  const y = (rate) => low - rate / top * (low - 12);
  const words = steps.map((step) => t("step_words", { weight: step.weight, requests: t.number(step.requests), errors: t.share(step.error_rate), verdict: t(`word_${step.verdict}`) })).join("; ");
  return h(Box, { overflowX: "auto", tabIndex: 0, role: "region", "aria-label": t("canary") },
    h("svg", { role: "img", "aria-label": `${t("canary")}: ${words}`, width: Math.max(260, steps.length * wide + 20), height, viewBox: `0 0 ${Math.max(260, steps.length * wide + 20)} ${height}` },
      h("line", { x1: 0, x2: steps.length * wide + 20, y1: low, y2: low, stroke: "currentColor", strokeOpacity: 0.4 }),
      steps.map((step, place) => {
        const x = 10 + place * wide;
        return h("g", { key: step.step },
          h("rect", { x: x + 8, width: wide - 28, y: low - step.weight / 100 * (low - 12), height: step.weight / 100 * (low - 12), fill: COLOUR[step.verdict] ?? "#b7791f", fillOpacity: 0.35 }),
          step.limit === null ? null : h("line", { x1: x, x2: x + wide - 12, y1: y(step.limit), y2: y(step.limit), stroke: "currentColor", strokeDasharray: "4 3" }),
          step.error_rate === null ? null : h("circle", { cx: x + wide / 2 - 6, cy: y(step.error_rate), r: 4, fill: COLOUR[step.verdict] ?? "#b7791f" }),
          h("text", { x: x + wide / 2 - 6, y: low + 16, textAnchor: "middle", fontSize: 12, fill: "currentColor" }, `${step.weight} %`),
          h("text", { x: x + wide / 2 - 6, y: low + 32, textAnchor: "middle", fontSize: 11, fill: "currentColor" }, t(`word_${step.verdict}`)));
      })));
}

const Rollout = ({ t, rollout }) => h(Box, { mt: 3 },
  h(Flex, { gap: 2, wrap: "wrap", align: "center" }, h("strong", null, t(`strategy_${rollout.kind ?? "canary"}`)), h(Word, { t }, rollout.status), t.time(rollout.started_at),
    h(To, { to: runLink("deployment", rollout.id.split("/").slice(1).join("/")) }, t("run"))),
  rollout.reason ? h(Said, { color: "fg.muted" }, rollout.reason) : null,
  rollout.steps.length ? h(Flex, { gap: 4, wrap: "wrap" },
    h(Canary, { t, rollout }),
    h(Box, { flex: "1 1 340px", minW: 0 }, h(Text, { color: "fg.muted" }, t("canary_legend")), h(Rows, { label: t("verdicts"),
      head: [t("traffic"), t("metric"), t("baseline"), t("candidate"), t("effect"), t("verdict"), t("why")],
      rows: rollout.steps.flatMap((step) => step.verdicts.map((verdict) => ({ key: `${step.step} ${verdict.metric}`, cells: [
        h(Box, { whiteSpace: "nowrap" }, `${step.weight} %`), t(`metric_${verdict.metric}`), t.digits(verdict.baseline), t.digits(verdict.candidate),
        verdict.effect === null ? "–" : `${t.digits(verdict.effect)} (${t.digits(verdict.low)} – ${t.digits(verdict.high)})`,
        h(Word, { t }, verdict.decision), h(Said, { fontSize: "xs" }, verdict.why)] }))) }))) : null);

/** What a release is made of: advisories first, the gravest at the top. */
function Parts({ t, product, version }) {
  const found = useAnswer(() => read(`/products/${product.name}/releases/${version}/parts`), [version]);
  return h(Answer, { of: found, t }, ({ components, listed, advisories, found: known }) => h(Box, null,
    advisories === null ? h(Text, { color: "fg.muted" }, t("not_looked")) : advisories.length
      ? h(Rows, { label: t("advisories"), head: [t("advisory"), t("filter_severity"), t("component"), t("detail")], rows: advisories.map((item) => ({
          key: `${item.id} ${item.package} ${item.version}`, cells: [h(Flex, { gap: 2 }, item.id, item.new ? h(Word, { t }, "new") : null), h(Word, { t }, item.severity), `${item.package} ${item.version ?? ""}`, h(Said, null, item.summary ?? "–")] })) })
      : h(Text, null, t("no_advisories")),
    advisories && known > advisories.length ? h(Text, { color: "fg.muted" }, t("and_more", { n: t.number(known - advisories.length) })) : null,
    listed ? h(Box, { as: "details", mt: 3 }, h("summary", { style: { cursor: "pointer" } }, t("components", { n: t.number(listed) })),
      h(Rows, { label: t("components", { n: t.number(listed) }), head: [t("component"), t("version"), t("licence")], rows: components.map((item, place) => ({
        key: place, cells: [h(Said, null, item.name), item.version ?? "–", item.licence ?? "–"] })) }),
      listed > components.length ? h(Text, { color: "fg.muted" }, t("and_more", { n: t.number(listed - components.length) })) : null) : null));
}

function Detail({ t, product, version }) {
  const found = useAnswer(() => read(`/products/${product.name}/releases/${version}`), [version]);
  const files = `/products/${product.name}/releases/${version}`;
  const artifact = (name) => name ? h("code", { style: { overflowWrap: "anywhere" } }, name) : "–";
  return h(Answer, { of: found, t }, (release) => h(Box, null,
    h(Card, { title: `${product.title} ${release.version}`, action: h(Flex, { gap: 3, wrap: "wrap" },
        h(To, { to: `${PAGE}?product=${product.name}&view=trace&kind=release&id=${encodeURIComponent(release.key)}` }, t("trace_it")),
        ["deployed", "superseded"].includes(release.status) && release.version !== product.running
          ? h(To, { to: runLink("rollback") }, t("rollback_to", { version: release.version }))
          : release.previous ? h(To, { to: runLink("rollback") }, t("rollback_to", { version: release.previous })) : null) },
      h(Flex, { as: "ol", gap: 2, listStyleType: "none", direction: { base: "column", md: "row" }, "aria-label": t("gates") }, release.gates.map((gate) => h(Box, { as: "li", key: gate.gate, flex: "1 1 0", borderWidth: "1px", borderRadius: "md", p: 2 },
        h("strong", null, t(`gate_${gate.gate}`)), " ", h(Word, { t }, gate.state),
        h(Box, { color: "fg.muted" }, gate.at ? t.time(gate.at) : "", gate.by ? ` · ${gate.by}` : ""),
        gate.note ? h(Said, null, gate.note) : null,
        h(To, { to: runLink(gate.dag_id, gate.run_id) }, t(`phase_${gate.dag_id}`))))),
      release.stories.length ? h(Box, { mt: 3 }, h("strong", null, t("stories")), h(Box, { as: "ul", ps: 4 }, release.stories.map((story) => h("li", { key: story.id }, h("bdi", null, story.title), " ", h(Word, { t }, story.status))))) : null),
    h(Card, { title: t("rollouts"), mt: 4 }, release.deployments.length ? release.deployments.map((rollout) => h(Rollout, { key: rollout.id, t, rollout })) : h(Text, { color: "fg.muted" }, t("none_yet"))),
    h(Card, { title: t("checks"), mt: 4 }, release.checks.length ? h(Rows, { label: t("checks"), head: [t("rule"), t("outcome"), t("filter_severity"), t("serves"), t("detail"), t("evidence")],
      rows: release.checks.map((check) => ({ key: check.rule, cells: [check.rule, h(Word, { t }, check.waiver ? "waived" : check.outcome), h(Word, { t }, check.severity), check.serves,
        h(Said, null, check.detail), h(Box, null, h("code", { title: check.digest, style: { fontSize: "0.8em", overflowWrap: "anywhere" } }, check.digest.slice(0, 19) + "…"),
          h(File, { t, path: `${files}/evidence/${encodeURIComponent(check.rule)}`, name: `${t("evidence")} ${check.rule}` }))] })) }) : h(Text, { color: "fg.muted" }, t("none_yet"))),
    h(Card, { title: t("parts"), mt: 4 }, h(Parts, { t, product, version })),
    h(Card, { title: t("made_of"), mt: 4 }, h(Rows, { label: t("made_of"), head: [t("what"), t("name")], rows: [
      { key: "commit", cells: [t("kind_commit"), artifact(release.commit)] }, { key: "archive", cells: [t("archive"), artifact(release.artifact)] },
      { key: "sbom", cells: [t("sbom"), release.sbom ? h(File, { t, path: `${files}/files/sbom`, name: t("sbom") }) : "–"] }, { key: "provenance", cells: [t("provenance"), release.provenance ? h(File, { t, path: `${files}/files/provenance`, name: t("provenance") }) : "–"] },
      { key: "tests", cells: [t("tests"), Object.entries(release.tests).filter(([, value]) => typeof value === "number").map(([name, value]) => `${t(`tests_${name}`)} ${t.number(value)}`).join(", ") || "–"] }] }),
      h(Said, { mt: 2 }, release.changelog))));
}

export function Releases({ t, product, query, go }) {
  const pages = usePages(`/products/${product.name}/releases`, {}, []);
  const version = query.get("version") ?? pages.items[0]?.version;
  return h(Flex, { gap: 4, direction: { base: "column", lg: "row" }, align: "start" },
    h(Card, { title: t("view_releases"), flex: "0 0 230px", w: { base: "100%", lg: "auto" } },
      h(Box, { as: "ul", listStyleType: "none" }, pages.items.map((release) => h(Box, { as: "li", key: release.key, py: 1 },
        h(Button, { size: "sm", variant: release.version === version ? "solid" : "ghost", "aria-pressed": release.version === version, onClick: () => go({ version: release.version }) }, release.version), " ",
        h(Word, { t }, release.status), h(Box, { color: "fg.muted", fontSize: "xs" }, t.time(release.at))))), h(More, { of: pages, t })),
    h(Box, { flex: "1 1 0", minW: 0, w: "100%" }, version ? h(Detail, { key: version, t, product, version }) : null));
}
