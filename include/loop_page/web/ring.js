// The ring: each phase with its live state, what it published, and what waits for whom.
import { Box, Card, Flex, React, Rows, Text, To, Word, airflow, h, runLink, useAnswer, useEffect, useState } from "./base.js";

const EVERY = 15000;  // milliseconds between looks at what runs
const FILL = { failed: "#c53030", running: "#2b6cb0", queued: "#2b6cb0", waiting: "#b7791f", done: "#2f855a", never: "#718096" };

/** What waits, in words. */
export const waitText = (t, wait) => {
  const when = wait.until ? t("until", { at: t.day(wait.until) }) : wait.since ? t.ago(wait.since) : "";
  return h("span", null, t(`wait_${wait.what}`, { n: t.number(wait.count) }), ": ", h("bdi", null, wait.text), when ? ` (${when})` : "");
};

/** The newest run of each phase for a product that Airflow knows, by DAG. */
async function live(product) {
  const query = new URLSearchParams({ limit: 100, order_by: "-run_after", partition_key_prefix_pattern: product });
  const { dag_runs: runs } = await airflow(`/dags/~/dagRuns?${query}`);
  const mine = runs.filter((run) => run.partition_key === product || run.partition_key?.startsWith(`${product}|`));
  return Object.fromEntries(mine.reverse().map((run) => [run.dag_id, run]));
}

function stateOf(phase, run, waits) {
  if (run && run.state !== "success") return run.state;
  if (waits.some((wait) => wait.dag_id === phase.dag_id && wait.on !== "data")) return "waiting";
  return phase.last ? "done" : "never";
}

function Picture({ t, phases, states, open }) {
  const [size, r] = [460, 168], middle = size / 2;
  const [ring, beside] = [phases.filter((phase) => !phase.beside), phases.filter((phase) => phase.beside)];
  const at = (place) => { const turn = 2 * Math.PI * place / ring.length - Math.PI / 2; return [middle + r * Math.cos(turn), middle + r * Math.sin(turn)]; };
  const dot = (phase, x, y, low) => {
    const state = states[phase.dag_id], aside = y > middle + 0.9 * r ? Math.round(x - middle) : 0; // two at the bottom: each to its side
    return h("g", { key: phase.dag_id, onClick: () => open(phase), style: { cursor: "pointer" } },
      h("circle", { cx: x, cy: y, r: 17, fill: FILL[state] ?? FILL.never, className: `state-${state}` }),
      h("text", { x, y: y + 5, textAnchor: "middle", fontSize: 13, fill: "#ffffff", fontWeight: 600 }, phase.step ?? (phase.beside ? "!" : "↺")),
      h("text", { x: x - 17 * Math.sign(aside), y: y + (low ? 34 : -24), textAnchor: ["end", "middle", "start"][Math.sign(aside) + 1], fontSize: 12, fill: "currentColor" }, t(`phase_${phase.dag_id}`)));
  };
  return h("svg", { "aria-hidden": true, viewBox: `0 0 ${size} ${size}`, style: { width: "100%", maxWidth: size, margin: "0 auto", display: "block" } },
    h("circle", { cx: middle, cy: middle, r, fill: "none", stroke: "currentColor", strokeOpacity: 0.3, strokeWidth: 2 }),
    h("text", { x: middle, y: middle - 4, textAnchor: "middle", fontSize: 15, fill: "currentColor" }, t("ring")),
    ring.map((phase, place) => dot(phase, ...at(place), at(place)[1] > middle + 20)),
    beside.map((phase, place) => dot(phase, middle + 70 * (place - (beside.length - 1) / 2), middle + 40, true)));
}

export function Ring({ t, product, again }) {
  const [tick, setTick] = useState(0);
  const navigate = globalThis.ReactRouterDOM.useNavigate();
  useEffect(() => {
    const timer = setInterval(() => document.hidden || (setTick((now) => now + 1), again()), EVERY);
    return () => clearInterval(timer);
  }, []);
  const runs = useAnswer(() => live(product.name), [product.name, tick]);
  const known = runs.data ?? {};
  const states = Object.fromEntries(product.phases.map((phase) => [phase.dag_id, stateOf(phase, known[phase.dag_id], product.waits)]));
  const runOf = (phase) => known[phase.dag_id]?.dag_run_id ?? phase.last?.run_id;
  return h(Flex, { gap: 4, direction: { base: "column", xl: "row" }, align: "start" },
    h(Box, { flex: "0 1 420px", w: "100%", display: { base: "none", md: "block" } },
      h(Picture, { t, phases: product.phases, states, open: (phase) => navigate(runLink(phase.dag_id, runOf(phase))) })),
    h(Box, { flex: "1 1 0", minW: 0, w: "100%" },
      h(Card, { title: t("waiting_title"), mb: 4 }, product.waits.length
        ? h(Box, { as: "ul", listStyleType: "none" }, product.waits.map((wait, place) => h(Box, { as: "li", key: place, py: 1 },
            h(Word, { t }, t(`on_${wait.on}`)), " ", h(To, { to: runLink(wait.dag_id, wait.run_id) }, t(`phase_${wait.dag_id}`)), " – ", waitText(t, wait))))
        : h(Text, { color: "fg.muted" }, t("nothing_waits"))),
      h(Card, { title: t("phases") },
        runs.error ? h(Text, { color: "fg.muted" }, t("no_live")) : null,
        h(Rows, { label: t("phases"), head: [t("phase"), t("state"), t("last_run"), t("published"), t("last_published"), t("wakes")],
          rows: product.phases.map((phase) => ({ key: phase.dag_id, cells: [
            h(To, { to: runLink(phase.dag_id) }, phase.step ? `${phase.step} ` : "", t(`phase_${phase.dag_id}`)),
            h(Word, { t }, states[phase.dag_id]),
            runOf(phase) ? h(To, { to: runLink(phase.dag_id, runOf(phase)), whiteSpace: "nowrap" }, t.ago(known[phase.dag_id]?.run_after ?? phase.last.at)) : "–",
            phase.last?.published.join(", ") || (phase.last ? t("nothing_new") : "–"),
            h(Box, { whiteSpace: "nowrap" }, t.ago(phase.published_at)), phase.wakes.map((name) => t(`phase_${name}`)).join(", ") || "–"] })) }))));
}
