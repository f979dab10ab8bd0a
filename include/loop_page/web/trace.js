// The trace: from any one thing to all the others, forwards and backwards, on one line.
import { Answer, Box, Button, Choice, Field, Flex, PAGE, Said, Text, To, Word, h, read, runLink, useAnswer, useState } from "./base.js";

const KINDS = ["ticket", "voice", "theme", "story", "commit", "release", "deployment", "outcome"];

function Station({ t, product, station, start }) {
  const [all, showAll] = useState(false);
  const shown = all ? station.items : station.items.slice(0, 3);
  return h(Box, { as: "li", flex: { base: "none", lg: "1 1 0" }, minW: { base: "100%", lg: "132px" }, borderWidth: station.kind === start.kind ? "2px" : "1px",
      borderColor: station.kind === start.kind ? "fg.info" : undefined, borderRadius: "lg", p: 2, opacity: station.count ? 1 : 0.7 },
    h(Flex, { justify: "space-between", mb: 1 }, h("strong", null, t(`kind_${station.kind}`)), h("span", null, t.number(station.count) + (station.count >= 1000 ? "+" : ""))),
    h(Box, { as: "ul", listStyleType: "none" }, shown.map((thing) => h(Box, { as: "li", key: thing.id + thing.text, py: 1, borderTopWidth: "1px" },
      h(Said, { fontSize: "xs" }, thing.text || thing.id),
      h(Flex, { gap: 2, wrap: "wrap", align: "center", fontSize: "xs", mt: 1 }, h(Word, { t }, thing.status), h(Box, { as: "span", color: "fg.muted" }, t.day(thing.at)),
        thing.run_id ? h(To, { to: runLink("deployment", thing.run_id) }, t("run")) : null,
        h(To, { to: `${PAGE}?product=${product.name}&view=trace&kind=${thing.kind}&id=${encodeURIComponent(thing.id)}`, "aria-label": t("trace_of", { name: (thing.text || thing.id).slice(0, 60) }) },
          t("trace_it")))))),
    station.items.length > 3 ? h(Button, { size: "xs", variant: "ghost", onClick: () => showAll(!all), "aria-expanded": all }, t(all ? "less" : "more")) : null,
    station.count ? null : h(Text, { color: "fg.muted", fontSize: "xs" }, t("none_yet")));
}

function Found({ t, product, start }) {
  const found = useAnswer(() => read(`/trace/${start.kind}/${encodeURIComponent(start.id)}`), [start.kind, start.id]);
  return h(Answer, { of: found.error?.status === 404 ? { data: null } : found, t, empty: (data) => !data },
    (trace) => h(Flex, { as: "ol", listStyleType: "none", gap: 1.5, align: "stretch", direction: { base: "column", lg: "row" }, overflowX: "auto", tabIndex: 0, "aria-label": t("view_trace") },
      trace.line.map((station) => h(Station, { key: station.kind, t, product, station, start }))));
}

export function Trace({ t, product, query, go }) {
  const start = { kind: query.get("kind") ?? "story", id: query.get("id") ?? "" };
  const [kind, setKind] = useState(start.kind), [id, setId] = useState(start.id);
  return h(Box, null, h("form", { onSubmit: (event) => { event.preventDefault(); go({ kind, id: id.trim() }); } },
      h(Flex, { gap: 2, align: "end", wrap: "wrap", mb: 4 },
        h(Choice, { label: t("trace_from"), value: kind, onChange: setKind, options: KINDS.map((name) => [name, t(`kind_${name}`)]) }),
        h(Field, { label: t("its_id"), value: id, onChange: setId, required: true, maxLength: 255, w: "22rem", maxW: "100%" }),
        h(Button, { type: "submit", size: "sm", variant: "outline" }, t("trace_it")))),
    start.id ? h(Found, { key: `${start.kind} ${start.id}`, t, product, start }) : h(Text, { color: "fg.muted" }, t("trace_hint")));
}
