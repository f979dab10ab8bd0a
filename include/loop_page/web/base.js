// What all parts of the page stand on: Airflow's own React and Chakra, the read API, the language, and few small elements.
// Everything that customers wrote goes into the page as text: nothing here makes markup of a string.
import { texts } from "./texts.js";

export const { React, ChakraUI, ReactRouterDOM } = globalThis;
export const { useEffect, useMemo, useRef, useState } = React;
export const h = React.createElement;
export const { Badge, Box, Button, Flex, Heading, HStack, Text } = ChakraUI;
export const { Link } = ReactRouterDOM;

const BASE = document.baseURI;
export const PAGE = "/plugin/closed-loop";

/** Texts in the language of Airflow's UI: `t("key", {name: value})`. */
export function useTexts() {
  const read = () => (document.documentElement.lang || "en").startsWith("ko") ? "ko" : "en";
  const [language, set] = useState(read);
  useEffect(() => {
    const observer = new MutationObserver(() => set(read()));
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
    return () => observer.disconnect();
  }, []);
  return useMemo(() => translator(language), [language]);
}

function translator(language) {
  const t = (key, values = {}) => {
    const text = texts[language][key] ?? texts.en[key] ?? key;
    return Object.entries(values).reduce((said, [name, value]) => said.replaceAll(`{${name}}`, String(value)), text);
  };
  const number = (value, options = { maximumFractionDigits: 2 }) =>
    value === null || value === undefined ? "–" : new Intl.NumberFormat(language, options).format(value);
  t.digits = (value) => number(value, { maximumSignificantDigits: 3, signDisplay: "negative" });
  t.language = language;
  t.has = (key) => key in texts.en;
  t.number = number;
  t.share = (value) => number(value, { style: "percent", maximumFractionDigits: 1 });
  t.day = (at) => at ? new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(at)) : "–";
  t.time = (at) => at ? new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at)) : "–";
  t.ago = (at) => {
    if (!at) return "–";
    const minutes = (new Date(at) - Date.now()) / 60000;
    const [size, unit] = [[1, "minute"], [60, "hour"], [1440, "day"]].findLast(([least]) => Math.abs(minutes) >= least) ?? [1, "minute"];
    return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.round(minutes / size), unit);
  };
  return t;
}

export class Refused extends Error {
  constructor(status, detail) { super(detail); this.status = status; }
}

async function ask(path, options) {
  const answer = await fetch(new URL(path.replace(/^\//, ""), BASE), { credentials: "same-origin", ...options });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, typeof body.detail === "string" ? body.detail : JSON.stringify(body.detail ?? ""));
  return body;
}

/** The read API; undefined values of `query` are left out. */
export function read(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return ask(`/closed-loop/api/v1${path}${given.length ? "?" + new URLSearchParams(given) : ""}`);
}

/** Where a file of the read API lies, for a link. */
const fileLink = (path) => new URL(`closed-loop/api/v1${path}`, BASE).href;
const FILE_SHOWN = 100_000; // characters of a file that the page shows

async function readFile(path) {
  const answer = await fetch(fileLink(path), { credentials: "same-origin" });
  const whole = await answer.text();
  let text = whole;
  try { text = JSON.stringify(JSON.parse(whole), null, 1); } catch { /* it is no JSON, and shown as it is */ }
  if (!answer.ok) throw new Refused(answer.status, text.slice(0, 300));
  return { text: text.slice(0, FILE_SHOWN), cut: text.length > FILE_SHOWN };
}

/** Airflow's own REST API, with the user's own rights. */
export const airflow = (path, body) => ask(`/api/v2${path}`, body && {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/** What `load` promises, again whenever `keys` change: `{data, error, loading, again}`. */
export function useAnswer(load, keys) {
  const [state, set] = useState({ loading: true });
  const [turn, again] = useState(0);
  useEffect(() => {
    let wanted = true;
    set((known) => ({ ...known, loading: true, error: undefined }));
    load().then((data) => wanted && set({ data, loading: false }),
                (error) => wanted && set({ error, loading: false }));
    return () => { wanted = false; };
  }, [...keys, turn]);
  return { ...state, again: () => again((value) => value + 1) };
}

/** Loading, an error that can be tried again, nothing, or `children(data)`. */
export function Answer({ of, t, empty, children }) {
  if (of.error) {
    const why = of.error.status === 403 ? t("forbidden") : of.error.status === 401 ? t("signed_out") : t("failed");
    return h(Box, { role: "alert", py: 4 }, h(Text, null, why, " ", h(Box, { as: "span", color: "fg.muted" }, of.error.message)),
      h(Button, { size: "sm", variant: "outline", mt: 2, onClick: of.again }, t("again")));
  }
  if (of.data === undefined) return h(Text, { role: "status", color: "fg.muted", py: 4 }, t("loading"));
  if (empty?.(of.data)) return h(Text, { color: "fg.muted", py: 4 }, t("nothing"));
  return h(Box, { "aria-busy": of.loading, opacity: of.loading ? 0.6 : 1 }, children(of.data));
}

/** A list that grows by pages: `{items, error, loading, more, next}`. */
export function usePages(path, query, keys) {
  const [state, set] = useState({ items: [], loading: true });
  const asked = useRef(0);
  const load = (after, before) => {
    const mine = ++asked.current;
    set((known) => ({ ...known, items: before, loading: true, error: undefined }));
    read(path, { ...query, after }).then(
      ({ items, next }) => mine === asked.current && set({ items: [...before, ...items], next, loading: false }),
      (error) => mine === asked.current && set({ items: before, error, loading: false, after }));
  };
  useEffect(() => { load(undefined, []); return () => { asked.current++; }; }, [path, ...keys]);
  return { ...state, more: () => load(state.next, state.items), again: () => load(state.after, state.items) };
}

/** The end of a list that grows: more, an error, or that nothing is there. */
export function More({ of, t }) {
  if (of.error) return h(Answer, { of, t });
  if (of.loading) return h(Text, { role: "status", color: "fg.muted", py: 3 }, t("loading"));
  return h(Box, { py: 3 }, of.items.length ? null : h(Text, { color: "fg.muted" }, of.next ? t("none_so_far") : t("nothing")),
    of.next ? h(Button, { size: "sm", variant: "outline", onClick: of.more }, t("more")) : null);
}

const COLOURS = {
  done: "green", passed: "green", pass: "green", deployed: "green", succeeded: "green", success: "green", resolved: "green", helped: "green",
  refused: "red", fail: "red", failed: "red", error: "red", critical: "red", rolled_back: "red", "did not help": "red",
  waiting: "orange", asked: "orange", not_shown: "orange", high: "orange", open: "orange", reopened: "orange", unsure: "orange",
  running: "blue", queued: "blue", planned: "blue", candidate: "blue", scoped: "blue", released: "blue",
};

/** A word as a badge; its colour says nothing that the word does not. */
export const Word = ({ t, children, ...rest }) => children
  ? h(Badge, { colorPalette: COLOURS[children] ?? "gray", variant: "surface", flexShrink: 0, ...rest },
      t.has(`word_${children}`) ? t(`word_${children}`) : String(children))
  : null;

/** A link inside Airflow's UI. */
export const To = ({ to, children, ...rest }) => h(ChakraUI.Link, { asChild: true, color: "fg.info", textDecoration: "underline", ...rest },
  h(Link, { to }, children));

export const runLink = (dag, run) => `/dags/${encodeURIComponent(dag)}${run ? `/runs/${encodeURIComponent(run)}` : ""}`;

/** What somebody wrote: as text, in its own direction, breaking where it must; what is long scrolls, by keyboard too. */
export function Said({ children, ...rest }) {
  const long = typeof children === "string" && children.length > 600;
  return h(Box, { as: "bdi", dir: "auto", overflowWrap: "anywhere", whiteSpace: "pre-wrap", display: "block",
    ...(long ? { maxHeight: "20rem", overflowY: "auto", tabIndex: 0 } : {}), ...rest }, children);
}

export const Card = ({ title, level = "h2", action, children, ...rest }) => h(Box, {
  as: "section", "aria-label": title, borderWidth: "1px", borderRadius: "lg", p: { base: 3, md: 4 }, bg: "bg", minW: 0, ...rest },
  h(Flex, { justify: "space-between", align: "baseline", gap: 3, mb: 2, wrap: "wrap" },
    h(Heading, { as: level, size: "md" }, title), action), children);

/** A table that scrolls within itself where it is too wide; `rows` are arrays of cells, the first is the row's header. */
export const Rows = ({ label, head, rows }) => h(Box, { overflowX: "auto", tabIndex: 0, role: "region", "aria-label": label },
  h(Box, { as: "table", w: "100%", minW: head.length > 3 ? "40rem" : undefined, fontSize: "sm", css: { borderCollapse: "collapse", "& th, & td": {
    textAlign: "start", padding: "6px 10px 6px 0", verticalAlign: "top", borderBottomWidth: "1px" }, "& th": { fontWeight: 600 } } },
    h("thead", null, h("tr", null, head.map((cell, place) => h("th", { key: place, scope: "col" }, cell)))),
    h("tbody", null, rows.map(({ key, cells }) => h("tr", { key }, cells.map((cell, place) => place
      ? h("td", { key: place }, cell) : h("th", { key: place, scope: "row" }, cell)))))));

/** A line of numbers with its meaning in words for those who don't see it. */
export function Line({ values, label, width = 120, height = 28 }) {
  const known = values.map((value, place) => [place, value]).filter(([, value]) => value !== null && value !== undefined);
  if (!known.length) return h(Box, { as: "span", color: "fg.muted" }, "–");
  const top = Math.max(...known.map(([, value]) => value)), low = Math.min(0, ...known.map(([, value]) => value));
  const x = (place) => values.length < 2 ? width / 2 : 2 + place / (values.length - 1) * (width - 4);
  const y = (value) => height - 3 - (top === low ? 0.5 : (value - low) / (top - low)) * (height - 6);
  const [last] = known.slice(-1);
  return h("svg", { role: "img", "aria-label": label, width, height, viewBox: `0 0 ${width} ${height}`, style: { flexShrink: 0, maxWidth: "100%" } },
    h("polyline", { points: known.map(([place, value]) => `${x(place)},${y(value)}`).join(" "), fill: "none", stroke: "currentColor", strokeWidth: 1.5 }),
    h("circle", { cx: x(last[0]), cy: y(last[1]), r: 2.5, fill: "currentColor" }));
}

function Content({ t, path, name }) {
  const found = useAnswer(() => readFile(path), [path]);
  return h(Answer, { of: found, t }, ({ text, cut }) => h(Box, null,
    h(Box, { as: "pre", dir: "auto", tabIndex: 0, role: "region", "aria-label": name, mt: 2, p: 2, minW: { base: "14rem", md: "18rem" }, maxHeight: "24rem", overflow: "auto", fontSize: "xs",
      borderWidth: "1px", borderRadius: "md", whiteSpace: "pre-wrap", overflowWrap: "anywhere" }, text),
    cut ? h(Text, { color: "fg.muted", fontSize: "xs" }, t("file_cut")) : null));
}

/** A file of the read API: shown as text, or kept. */
export function File({ t, path, name }) {
  const [open, setOpen] = useState(false);
  return h(Box, null,
    h(Flex, { gap: 3, align: "center", wrap: "wrap" },
      h(Button, { size: "xs", variant: "outline", "aria-expanded": open, "aria-label": `${t(open ? "close" : "open")}: ${name}`, onClick: () => setOpen(!open) }, t(open ? "close" : "open")),
      h(ChakraUI.Link, { href: fileLink(path), download: "", color: "fg.info", textDecoration: "underline", fontSize: "xs", "aria-label": `${t("download")}: ${name}` }, t("download"))),
    open ? h(Content, { t, path, name }) : null);
}

/** A choice with its label. */
export const Choice = ({ label, value, options, onChange }) => h(Box, { as: "label", display: "inline-flex", flexDirection: "column", fontSize: "xs", gap: 1 },
  h("span", null, label),
  h(Box, { as: "select", value, onChange: (event) => onChange(event.target.value), borderWidth: "1px", borderRadius: "md", px: 2, h: "34px",
    bg: "bg", color: "fg", fontSize: "sm" }, options.map(([option, text]) => h("option", { key: option, value: option }, text))));

export const Field = ({ label, value, onChange, type = "text", ...rest }) => h(Box, { as: "label", display: "inline-flex", flexDirection: "column", fontSize: "xs", gap: 1 },
  h("span", null, label),
  h(Box, { as: "input", type, value, onChange: (event) => onChange(event.target.value), borderWidth: "1px", borderRadius: "md", px: 2, h: "34px",
    bg: "bg", color: "fg", fontSize: "sm", ...rest }));
