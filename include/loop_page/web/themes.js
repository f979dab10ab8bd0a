// Themes: the table with filters, one theme with its voices, the search, and corrections.
import { Answer, Box, Button, Card, Choice, Field, Flex, Line, More, PAGE, Rows, Said, Text, To, Word, h, read, runLink, useAnswer, usePages, useState } from "./base.js";
import { Send } from "./forms.js";

const KINDS = ["bug", "feature", "question", "praise"], LEVELS = ["critical", "high", "medium", "low"];
const DAYS = { week: 7, month: 30, quarter: 90 };
const since = (period) => DAYS[period] ? new Date(Math.floor(Date.now() / 3600000) * 3600000 - DAYS[period] * 86400000).toISOString() : undefined;

function Filters({ t, filter, set, themes }) {
  const any = (names, key) => [["", t("any")], ...names.map((name) => [name, t(`${key}_${name}`)])];
  const one = (name, options) => h(Choice, { key: name, label: t(`filter_${name}`), value: filter[name] ?? "", options,
    onChange: (value) => set({ ...filter, [name]: value || undefined }) });
  return h(Flex, { gap: 3, wrap: "wrap", align: "end", mb: 3 },
    one("kind", any(KINDS, "word")), one("severity", any(LEVELS, "word")), one("language", any(["en", "ko"], "language")),
    one("period", any(Object.keys(DAYS), "period")),
    themes ? [one("status", [["", t("live")], ...["open", "planned", "reopened", "resolved", "merged"].map((name) => [name, t(`word_${name}`)])]),
      one("sort", [["", t("sort_size")], ["last_seen", t("sort_last_seen")]])] : null);
}

const asked = ({ kind, severity, language, period, status, sort }) => ({ kind, severity, language, since: since(period), status, sort });

const rate = (t, theme) => h("span", null, t.number(theme.per_week, { maximumFractionDigits: 1 }), " ",
  h(Box, { as: "span", color: "fg.muted" }, theme.per_week_low === null ? "" : `(${t.number(theme.per_week_low, { maximumFractionDigits: 1 })}–${t.number(theme.per_week_high, { maximumFractionDigits: 1 })})`));

function Table({ t, product, filter, go }) {
  const pages = usePages(`/products/${product.name}/themes`, { ...asked(filter), limit: 50 }, [JSON.stringify(filter)]);
  const [chosen, choose] = useState([]);
  const toggle = (id) => choose(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  const rows = pages.items.map((theme) => ({ key: theme.id, cells: [
    h(Flex, { gap: 2, align: "start" },
      h("input", { type: "checkbox", checked: chosen.includes(theme.id), onChange: () => toggle(theme.id), "aria-label": t("choose", { name: theme.name }) }),
      h(To, { to: `${PAGE}?product=${product.name}&view=themes&theme=${theme.id}` }, h("bdi", { dir: "auto", style: { overflowWrap: "anywhere" } }, theme.name))),
    h(Word, { t }, theme.kind), h(Word, { t }, theme.severity), theme.language,
    h(Flex, { gap: 1, wrap: "wrap" }, h(Word, { t }, theme.status), theme.emerging_since ? h(Word, { t, colorPalette: "red" }, "emerging") : null),
    t.number(theme.size), rate(t, theme),
    h(Line, { values: theme.weeks ?? [], label: t("weeks", { values: (theme.weeks ?? []).join(", ") }), width: 80 }),
    t.ago(theme.last_seen)] }));
  return h(Box, null,
    rows.length ? h(Rows, { label: t("themes"), rows, head: [t("theme"), t("filter_kind"), t("filter_severity"), t("filter_language"), t("state"), t("voices"), t("per_week"), t("five_weeks"), t("last_heard")] }) : null,
    h(More, { of: pages, t }),
    chosen.length > 1 ? h(Flex, { gap: 2, align: "center", wrap: "wrap", role: "group", "aria-label": t("correct") },
      h(Text, null, t("merge_into", { n: chosen.length, name: pages.items.find((theme) => theme.id === chosen.at(-1))?.name ?? "" })),
      h(Send, { t, dag: "correct_themes", conf: () => ({ product: product.name, action: "merge", themes: chosen }) }, t("merge"))) : null);
}

function Correct({ t, product, theme }) {
  const [name, setName] = useState(""), [words, setWords] = useState("");
  const about = { product: product.name, themes: [theme.id] };
  return h(Card, { title: t("correct"), level: "h3", mt: 4 }, h(Flex, { gap: 4, wrap: "wrap", align: "end" },
    h(Field, { label: t("new_name"), value: name, onChange: setName, maxLength: 120 }),
    h(Send, { t, dag: "correct_themes", disabled: !name.trim(), conf: () => ({ ...about, action: "rename", name }) }, t("rename")),
    h(Field, { label: t("split_words"), value: words, onChange: setWords, maxLength: 200 }),
    h(Send, { t, dag: "correct_themes", disabled: !words.trim(), conf: () => ({ ...about, action: "split", words, name }) }, t("split")),
    h(Send, { t, dag: "correct_themes", conf: () => ({ ...about, action: "undo" }) }, t("undo")),
    h(To, { to: runLink("correct_themes") }, t("open_form"))));
}

function Voice({ t, product, voice }) {
  const [whole, setWhole] = useState(), [kind, setKind] = useState(voice.kind), [severity, setSeverity] = useState("");
  const open = () => read(`/products/${product.name}/voices/${voice.id}`).then((found) => setWhole(found.text), (error) => setWhole(error.message));
  return h(Box, { as: "li", py: 3, borderBottomWidth: "1px" },
    h(Flex, { gap: 2, wrap: "wrap", align: "center", color: "fg.muted", mb: 1 }, h(Word, { t }, voice.kind), h(Word, { t }, voice.severity),
      h("span", null, voice.source), h("time", { dateTime: voice.written_at }, t.time(voice.written_at)),
      h(To, { to: `${PAGE}?product=${product.name}&view=trace&kind=voice&id=${encodeURIComponent(voice.id)}` }, t("trace_it"))),
    h(Said, { lang: voice.language }, voice.erased ? t("erased") : whole ?? voice.text + (voice.cut ? " …" : "")),
    voice.cut && !whole ? h(Button, { size: "xs", variant: "outline", mt: 1, onClick: open }, t("whole_text")) : null,
    voice.origin === "customer" && !voice.erased ? h("details", { style: { marginTop: 4 } }, h("summary", { style: { cursor: "pointer" } }, t("correct")),
      h(Flex, { gap: 3, wrap: "wrap", align: "end", mt: 1 },
        h(Choice, { label: t("filter_kind"), value: kind, onChange: setKind, options: KINDS.map((name) => [name, t(`word_${name}`)]) }),
        h(Choice, { label: t("filter_severity"), value: severity, onChange: setSeverity, options: [["", t("stays")], ...LEVELS.map((name) => [name, t(`word_${name}`)])] }),
        h(Send, { t, dag: "correct_voices", conf: () => ({ product: product.name, voices: [voice.id], kinds: [kind], severity }) }, t("say_so")))) : null);
}

function Voices({ t, product, theme, filter }) {
  const [typed, type] = useState(""), [q, search] = useState("");
  const pages = usePages(`/products/${product.name}/voices`, { ...asked({ ...filter, status: undefined, sort: undefined }), theme, q, limit: 20 }, [JSON.stringify(filter), theme, q]);
  return h(Box, null,
    h("form", { role: "search", onSubmit: (event) => { event.preventDefault(); search(typed.trim()); } },
      h(Flex, { gap: 2, align: "end", wrap: "wrap", mb: 2 },
        h(Field, { label: t("search_label"), value: typed, onChange: type, type: "search", maxLength: 200, w: "18rem", maxW: "100%" }),
        h(Button, { type: "submit", size: "sm", variant: "outline" }, t("search")))),
    h(Box, { as: "ul", listStyleType: "none" }, pages.items.map((voice) => h(Voice, { key: voice.id, t, product, voice }))),
    h(More, { of: pages, t }));
}

function Theme({ t, product, id }) {
  const found = useAnswer(() => read(`/products/${product.name}/themes/${encodeURIComponent(id)}`), [id]);
  return h(Box, null, h(To, { to: `${PAGE}?product=${product.name}&view=themes` }, t("all_themes")),
    h(Answer, { of: found, t }, (theme) => h(Card, { title: theme.name, mt: 2 },
      h(Flex, { gap: 2, wrap: "wrap", align: "center" }, h(Word, { t }, theme.kind), h(Word, { t }, theme.severity), h(Word, { t }, theme.status),
        h("span", null, t("n_voices", { n: t.number(theme.size) })), h("span", null, t("per_week"), ": ", rate(t, theme)),
        h(Line, { values: theme.weeks ?? [], label: t("weeks", { values: (theme.weeks ?? []).join(", ") }) }),
        h(To, { to: `${PAGE}?product=${product.name}&view=trace&kind=theme&id=${encodeURIComponent(id)}` }, t("trace_it"))),
      theme.summary ? h(Said, { mt: 2 }, theme.summary) : null,
      theme.stories.length ? h(Box, { mt: 3 }, h("strong", null, t("stories")), h(Box, { as: "ul", ps: 4 }, theme.stories.map((story) => h("li", { key: story.id },
        h("bdi", null, story.title), " ", h(Word, { t }, story.status), " ",
        h(To, { to: `${PAGE}?product=${product.name}&view=trace&kind=story&id=${story.id}` }, story.id))))) : null,
      theme.events.length ? h("details", { style: { marginTop: 8 } }, h("summary", { style: { cursor: "pointer" } }, t("past", { n: theme.events.length })),
        h(Box, { as: "ul", ps: 4 }, theme.events.map((event, place) => h("li", { key: place }, t.time(event.at), " – ", t(`event_${event.kind}`))))) : null,
      h(Correct, { t, product, theme }))),
    h(Card, { title: t("voices"), mt: 4 }, h(Voices, { t, product, theme: id, filter: {} })));
}

export function Themes({ t, product, query }) {
  const [filter, set] = useState({});
  const [part, setPart] = useState("themes");
  const id = query.get("theme");
  if (id) return h(Theme, { key: id, t, product, id });
  return h(Card, { title: t(part), action: h(Button, { size: "xs", variant: "outline", onClick: () => setPart(part === "themes" ? "voices" : "themes") },
      t(part === "themes" ? "search_voices" : "all_themes")) },
    h(Filters, { t, filter, set, themes: part === "themes" }),
    part === "themes" ? h(Table, { t, product, filter }) : h(Voices, { t, product, filter }));
}
