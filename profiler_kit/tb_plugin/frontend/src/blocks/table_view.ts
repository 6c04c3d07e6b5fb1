/** A table on the page: heading with tools, and rows of which only those in view have elements. */

import type { Cell, TableBlock } from "../contract";
import type { Context } from "../context";
import { csvText, tabText } from "../csv";
import { add, h, icon, replace } from "../dom";
import { isNumeric } from "../quantities";
import { copyText, fileName, saveText } from "../save";
import { shown as shownText, visible } from "../text";
import { makeCell, type ShownColumn, shownColumns, widen } from "./table_cells";
import { detailOf, hasDetail } from "./table_detail";
import { type Shown, TableModel } from "./table_model";
import { tableTools } from "./table_tools";
import { ROW_HEIGHT, rowAt, rowTops } from "./virtual_rows";

const ROWS_WITHOUT_SCROLLING = 30;
const MARGIN_ROWS = 8;

export class TableView {
  readonly root: HTMLElement;
  readonly model: TableModel;
  readonly hidden: Set<string>;
  private readonly scroller: HTMLElement;
  private readonly table: HTMLTableElement;
  private readonly body = h("tbody");
  private readonly tools: ReturnType<typeof tableTools>;
  private columns: ShownColumn[] = [];
  private rows: Shown[] = [];
  private tops: Float64Array = new Float64Array(1);
  private readonly panels = new Map<number, HTMLElement>();
  private readonly panelObserver = new ResizeObserver(() => this.measure());
  /** Whether rows of this table open at all; without that there are no marks to make room for. */
  private readonly marked: boolean;
  private drawn = "";
  private current = 0;

  constructor(readonly block: TableBlock, private readonly context: Context, private readonly primary: boolean) {
    this.model = new TableModel(block);
    this.marked = this.model.isTree || block.rows.some((_, row) => hasDetail(block, row));
    this.hidden = new Set(block.columns.filter((column) => column.hidden).map((column) => column.key));
    this.table = h("table", { attrs: { role: this.marked ? "treegrid" : "grid", "aria-label": visible(block.title ?? block.id) } });
    this.scroller = h("div", { class: "pk-table-scroll", on: { scroll: () => this.draw() } }, this.table);
    this.tools = tableTools(this);
    this.root = h("div", "pk-table", this.tools.element, this.scroller);
    this.body.addEventListener("keydown", (event) => this.onKey(event));
    if (primary && context.state.q) this.tools.setFilter(context.state.q);
    this.openSelected();
    this.layout();
    let width = 0;
    const observer = new ResizeObserver(() => {
      if (this.scroller.clientWidth === width) return this.measure();
      width = this.scroller.clientWidth;
      this.layout();
    });
    observer.observe(this.scroller);
    context.onLeave(() => {
      observer.disconnect();
      this.panelObserver.disconnect();
    });
  }

  setFilter(filter: string): void {
    this.model.filter = filter;
    if (this.primary) this.context.set({ q: filter });
    this.layout();
  }

  /** Everything again: columns, order, rows. */
  layout(): void {
    this.columns = widen(shownColumns(this.block, this.hidden), this.scroller.clientWidth - 2);
    const width = this.columns.reduce((sum, column) => sum + column.width, 0);
    this.table.style.minWidth = `${width}px`;
    const group = h("colgroup");
    for (const column of this.columns) {
      const col = h("col");
      col.style.width = `${column.width}px`;
      group.appendChild(col);
    }
    // What is left of the width goes to an empty column, so that numbers stay near their names.
    group.appendChild(h("col"));
    const heading = h("tr", {}, ...this.columns.map((column) => this.heading(column)), h("td", "pk-rest"));
    replace(this.table, group, h("thead", {}, heading), this.body, this.totalRow());
    this.table.setAttribute("aria-colcount", String(this.columns.length));
    this.refresh();
  }

  /** The rows again, after sorting, filtering or opening. */
  refresh(): void {
    this.rows = this.model.shown();
    this.table.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.tools.count(this.rows.length, this.block.rows.length);
    this.scroller.classList.toggle("pk-scrolls", this.rows.length > ROWS_WITHOUT_SCROLLING || this.panels.size > 0);
    this.current = Math.min(this.current, Math.max(this.rows.length - 1, 0));
    this.measure(true);
  }

  private measure(force = false): void {
    this.tops = rowTops(this.rows.length, (at) => this.panels.get(this.rows[at]!.row)?.offsetHeight ?? 0);
    if (force) this.drawn = "";
    this.draw();
  }

  private draw(): void {
    const height = this.scroller.clientHeight || 720;
    const all = this.rows.length <= ROWS_WITHOUT_SCROLLING;
    const first = all ? 0 : Math.max(rowAt(this.tops, this.scroller.scrollTop) - MARGIN_ROWS, 0);
    const last = all ? this.rows.length : Math.min(rowAt(this.tops, this.scroller.scrollTop + height) + MARGIN_ROWS, this.rows.length);
    const key = `${first} ${last} ${this.tops[first]} ${this.tops[this.rows.length]}`;
    if (key === this.drawn) return;
    this.drawn = key;
    const focused = this.body.contains(document.activeElement);
    const parts: Node[] = [this.space(this.tops[first]!)];
    this.panelObserver.disconnect();
    for (let at = first; at < last; at += 1) {
      parts.push(this.rowElement(at));
      const panel = this.panels.get(this.rows[at]!.row);
      if (!panel) continue;
      parts.push(h("tr", "pk-detail", cellOver(this.columns.length + 1, panel)));
      this.panelObserver.observe(panel);
    }
    parts.push(this.space(this.tops[this.rows.length]! - this.tops[Math.max(last, 0)]!));
    this.body.replaceChildren(...parts);
    if (!this.rows.length) add(this.body, h("tr", {}, cellOver(this.columns.length + 1, h("div", "pk-empty", this.model.filter ? "No row matches the filter." : "No rows."))));
    if (focused) this.focusRow(false);
  }

  private space(height: number): HTMLElement {
    const row = h("tr", { class: "pk-space", attrs: { "aria-hidden": "true" } });
    row.style.height = `${Math.max(height, 0)}px`;
    return row;
  }

  private heading(shownColumn: ShownColumn): HTMLElement {
    const { column, place, unit } = shownColumn;
    const numeric = isNumeric(column.kind);
    const sorted = this.model.sort?.place === place ? (this.model.sort.descending ? "descending" : "ascending") : "none";
    const label = h("button", {
      attrs: { type: "button", title: visible(column.help ?? `Sort by ${column.title}`).slice(0, 1000) },
      on: { click: () => (this.model.sortBy(place, numeric), this.layout(), this.context.announce(`Sorted by ${column.title}`)) },
    });
    add(label, h("span", "pk-heading", shownText(column.title, 120)), unit.name ? h("span", "pk-unit", unit.name) : null);
    label.appendChild(icon(sorted === "none" ? "sort" : sorted === "ascending" ? "up" : "down"));
    return h("th", { class: numeric ? "pk-number" : "", attrs: { scope: "col", "aria-sort": sorted } }, label);
  }

  private totalRow(): HTMLElement | null {
    const total = this.block.total_row;
    if (!total) return null;
    return h("tfoot", {}, h("tr", {}, ...this.columns.map((column) => makeCell({ ...column, column: { ...column.column, bar: false } }, this.block, total, this.context)), h("td", "pk-rest")));
  }

  private rowElement(at: number): HTMLElement {
    const shown = this.rows[at]!;
    const cells = this.block.rows[shown.row]!;
    const opens = hasDetail(this.block, shown.row);
    const open = this.panels.has(shown.row);
    const expanded = shown.parent ? shown.expanded : opens ? open : undefined;
    const row = h("tr", {
      class: `pk-row${open ? " pk-open" : ""}${opens ? " pk-opens" : ""}`,
      attrs: {
        tabindex: at === this.current ? 0 : -1, "aria-rowindex": at + 2, "data-row": shown.row, "data-at": at,
        "aria-level": this.model.isTree ? shown.level + 1 : undefined, "aria-expanded": expanded === undefined ? undefined : String(expanded),
      },
      on: { click: () => this.onRow(at) },
    });
    row.style.height = `${ROW_HEIGHT}px`;
    this.columns.forEach((column, place) => {
      const cell = makeCell(column, this.block, cells, this.context);
      if (place === 0) this.lead(cell, shown, opens, open);
      row.appendChild(cell);
    });
    row.appendChild(h("td", { class: "pk-rest", attrs: { "aria-hidden": "true" } }));
    return row;
  }

  /** The first cell carries the tree's indentation and the marks to open and close. */
  private lead(cell: HTMLElement, shown: Shown, opens: boolean, open: boolean): void {
    if (!this.marked) return;
    cell.classList.add("pk-first");
    cell.style.setProperty("--level", String(Math.min(shown.level, 24)));
    const mark = h("span", { class: "pk-mark", attrs: { "aria-hidden": "true" } });
    if (shown.parent || (opens && !this.model.isTree)) {
      mark.appendChild(icon((shown.parent ? shown.expanded : open) ? "down" : "right"));
      if (shown.parent) mark.addEventListener("click", (event) => (event.stopPropagation(), this.toggleTree(shown.row)));
    }
    cell.prepend(mark);
  }

  private toggleTree(row: number): void {
    this.model.toggle(row);
    this.refresh();
  }

  private onRow(at: number): void {
    this.current = at;
    const { row, parent } = this.rows[at]!;
    if (window.getSelection()?.toString()) return;
    if (hasDetail(this.block, row)) this.toggleDetail(row);
    else if (parent) this.toggleTree(row);
  }

  private toggleDetail(row: number): void {
    if (this.panels.delete(row)) this.context.set({ sel: "" });
    else {
      this.panels.set(row, detailOf(this.block, row, this.hidden, this.context));
      this.context.set({ sel: `${this.block.id}/${row}` });
    }
    this.refresh();
  }

  private openSelected(): void {
    const { sel } = this.context.state;
    const row = Number(sel.slice(this.block.id.length + 1));
    if (!sel.startsWith(`${this.block.id}/`) || !Number.isInteger(row) || !this.block.rows[row]) return;
    this.model.reveal(row);
    if (hasDetail(this.block, row)) this.panels.set(row, detailOf(this.block, row, this.hidden, this.context));
    requestAnimationFrame(() => {
      const at = this.rows.findIndex((shown) => shown.row === row);
      if (at < 0) return;
      this.current = at;
      this.measure(true);
      this.scroller.scrollTop = this.tops[at]! - 2 * ROW_HEIGHT;
      this.root.querySelector(`[data-row="${row}"]`)?.scrollIntoView({ block: "center" });
    });
  }

  private onKey(event: KeyboardEvent): void {
    if (!(event.target instanceof HTMLElement) || !event.target.matches("tr.pk-row")) return;
    const shown = this.rows[this.current];
    const page = Math.max(Math.floor(this.scroller.clientHeight / ROW_HEIGHT) - 2, 1);
    const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.rows.length, End: this.rows.length };
    const move = moves[event.key];
    if (move !== undefined) {
      this.current = Math.min(Math.max(this.current + move, 0), this.rows.length - 1);
      this.focusRow(true);
    } else if (shown && (event.key === "Enter" || event.key === " ")) this.onRow(this.current);
    else if (shown?.parent && event.key === (shown.expanded ? "ArrowLeft" : "ArrowRight")) this.toggleTree(shown.row);
    else if (shown && event.key.toLowerCase() === "c" && (event.ctrlKey || event.metaKey)) void copyText(tabText(...this.table2d([shown])).split("\n")[1] ?? "");
    else return;
    event.preventDefault();
  }

  private focusRow(scroll: boolean): void {
    if (scroll) {
      const top = this.tops[this.current]!;
      const view = this.scroller.clientHeight - 3 * ROW_HEIGHT;
      if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
      else if (top > this.scroller.scrollTop + view) this.scroller.scrollTop = top - view;
      this.measure(true);
    }
    this.body.querySelector<HTMLElement>(`[data-at="${this.current}"]`)?.focus({ preventScroll: !scroll });
  }

  private table2d(rows: Shown[]): [TableBlock["columns"], Cell[][]] {
    const places = this.columns.map((column) => column.place);
    return [this.columns.map((column) => column.column), rows.map(({ row }) => places.map((place) => this.block.rows[row]![place] ?? null))];
  }

  download(): void {
    const { at, view } = this.context;
    saveText(fileName([at.run, at.file, view.id, this.block.id], "csv"), csvText(...this.table2d(this.rows)), "text/csv;charset=utf-8");
  }

  async copy(): Promise<void> {
    const done = await copyText(tabText(...this.table2d(this.rows)));
    this.context.announce(done ? `${this.rows.length} rows copied` : "The browser did not let this page copy.");
  }
}

function cellOver(columns: number, content: Node): HTMLElement {
  return h("td", { attrs: { colspan: columns } }, content);
}
