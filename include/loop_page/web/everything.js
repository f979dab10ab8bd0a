// All products at once: which loop is stuck, and where.
import { Badge, Box, PAGE, Rows, Text, To, h } from "./base.js";
import { waitText } from "./ring.js";

export function Everything({ t, all }) {
  const rows = all.items.map((product) => {
    const ran = product.phases.map((phase) => phase.last?.at).filter(Boolean).sort().at(-1);
    const stuck = product.waits.filter((wait) => wait.on !== "data");
    const [first] = stuck;
    return { key: product.name, cells: [
      h(To, { to: `${PAGE}?product=${product.name}` }, h("bdi", null, product.title)),
      first ? h(Box, null, h(Badge, { colorPalette: "orange", variant: "surface" }, t(`phase_${first.dag_id}`)), " ", waitText(t, first),
        stuck.length > 1 ? h(Box, { as: "span", color: "fg.muted" }, " ", t("and_more", { n: stuck.length - 1 })) : null)
        : h(Badge, { colorPalette: "green", variant: "surface" }, ran ? t("turns") : t("never_ran")),
      product.running ?? "–", t.number(product.themes), t.ago(ran)] };
  });
  return h(Box, null,
    rows.length ? h(Rows, { label: t("all_products"), rows, head: [t("product"), t("stands"), t("running"), t("themes"), t("last_run")] })
      : h(Text, { color: "fg.muted" }, t("no_products")),
    all.broken.map((file) => h(Text, { key: file.file, role: "alert", color: "fg.error", mt: 2, overflowWrap: "anywhere" },
      t("broken", { file: file.file }), " ", file.problem)));
}
