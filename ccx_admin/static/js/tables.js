// Tables whose heads are buttons are put in the order of a column; the order stays when their rows are fetched anew.

const orders = new Map();

function value(row, index) {
  const cell = row.cells[index];
  if (!cell) return "";
  return cell.dataset.value !== undefined ? Number(cell.dataset.value) : cell.textContent.trim();
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), undefined, { numeric: true, sensitivity: "base" });
}

function arrange(table) {
  const order = orders.get(table.dataset.sort);
  if (!order) return;
  const heads = [...table.tHead.rows[0].cells];
  for (const [n, head] of heads.entries()) {
    if (n === order.index) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const sorted = rows.toSorted((one, other) => compare(value(one, order.index), value(other, order.index)) * (order.down ? -1 : 1));
  if (sorted.some((row, n) => row !== rows[n])) body.append(...sorted);
}

function sort(head) {
  const table = head.closest("table");
  const index = head.cellIndex;
  const now = head.getAttribute("aria-sort");
  const down = now ? now !== "descending" : head.dataset.sortAs !== "text";
  orders.set(table.dataset.sort, { index, down });
  arrange(table);
}

export function startTables() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("table[data-sort] .sorter");
    if (button) sort(button.closest("th"));
  });
  document.body.addEventListener("htmx:afterSwap", () => document.querySelectorAll("table[data-sort]").forEach(arrange));
}
