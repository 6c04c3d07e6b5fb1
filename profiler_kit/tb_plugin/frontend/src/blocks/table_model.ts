/** Which rows of a table are shown, in which order: sorting, filtering, trees. Knows no page. */

import type { Cell, Column, TableBlock } from "../contract";
import { isMissing, isNumeric } from "../quantities";

export interface Shown {
  row: number;
  level: number;
  /** Whether the row has rows below it in the tree. */
  parent: boolean;
  expanded: boolean;
}

const FIRST_ROWS = 60;

function compare(a: Cell | undefined, b: Cell | undefined): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

/** The words of a filter: all must occur in a row's columns of text, those after a minus must not. */
function matcher(filter: string, columns: Column[]): ((row: Cell[]) => boolean) | null {
  const words = filter.toLowerCase().split(/\s+/).filter((word) => word && word !== "-");
  if (!words.length) return null;
  return (row) => {
    // A step or a rank is a number, and still a name.
    const text = row.filter((cell, place) => typeof cell === "string" || (cell !== null && columns[place] && !isNumeric(columns[place].kind))).join("\n").toLowerCase();
    return words.every((word) => (word.startsWith("-") ? !text.includes(word.slice(1)) : text.includes(word)));
  };
}

export class TableModel {
  sort: { place: number; descending: boolean } | null = null;
  filter = "";
  private readonly children: number[][];
  private readonly roots: number[];
  private readonly open = new Set<number>();

  constructor(readonly block: TableBlock) {
    const parents = block.tree?.parent;
    this.children = block.rows.map(() => []);
    this.roots = [];
    block.rows.forEach((_, row) => {
      const parent = parents?.[row] ?? -1;
      if (parent >= 0 && parent < block.rows.length && parent !== row) this.children[parent]!.push(row);
      else this.roots.push(row);
    });
    const place = block.columns.findIndex((column) => column.key === block.sort?.key);
    if (place >= 0) this.sort = { place, descending: block.sort?.descending ?? false };
    this.openFirstLevels();
  }

  get isTree(): boolean {
    return this.roots.length < this.block.rows.length;
  }

  /** Open the tree level by level, as long as it can be taken in at a glance; only children are opened through. */
  private openFirstLevels(): void {
    let level = this.roots;
    let rows = level.length;
    while (level.length) {
      const next = level.flatMap((row) => this.children[row]!);
      const only = level.length === 1;
      if (!next.length || (!only && rows + next.length > FIRST_ROWS)) return;
      level.forEach((row) => this.children[row]!.length && this.open.add(row));
      rows += next.length;
      level = next;
    }
  }

  toggle(row: number): void {
    if (!this.open.delete(row)) this.open.add(row);
  }

  setAll(open: boolean): void {
    this.open.clear();
    if (open) this.children.forEach((below, row) => below.length && this.open.add(row));
  }

  /** Open whatever hides a row. */
  reveal(row: number): void {
    const parents = this.block.tree?.parent ?? [];
    for (let at = parents[row] ?? -1, steps = 0; at >= 0 && steps < 1000; at = parents[at] ?? -1, steps += 1) this.open.add(at);
  }

  /** A click on a heading: numbers begin with the largest, texts with the first; the third click ends the sorting. */
  sortBy(place: number, numeric: boolean): void {
    if (this.sort?.place !== place) this.sort = { place, descending: numeric };
    else if (this.sort.descending === numeric) this.sort = { place, descending: !numeric };
    else this.sort = null;
  }

  /** Rows in the order of the sorting, in an array of their own. */
  private ordered(rows: number[]): number[] {
    const { sort } = this;
    if (!sort) return [...rows];
    const value = (row: number) => this.block.rows[row]![sort.place];
    return [...rows].sort((a, b) => {
      const [left, right] = [value(a), value(b)];
      // What is not known comes last, whichever way the rest goes.
      if (isMissing(left) || isMissing(right)) return Number(isMissing(left)) - Number(isMissing(right)) || a - b;
      return (sort.descending ? compare(right, left) : compare(left, right)) || a - b;
    });
  }

  /** Rows to show. While a filter is set, rows above a match are shown too, and opened. */
  shown(): Shown[] {
    const matches = matcher(this.filter, this.block.columns);
    const kept = matches ? this.kept(matches) : null;
    const out: Shown[] = [];
    // An own stack: trees from traces can be deeper than the language's stack.
    const stack = this.ordered(this.roots).reverse().map((row) => ({ row, level: 0 }));
    while (stack.length) {
      const { row, level } = stack.pop()!;
      if (kept && !kept.has(row)) continue;
      const below = this.children[row]!;
      const expanded = below.length > 0 && (kept ? below.some((child) => kept.has(child)) : this.open.has(row));
      out.push({ row, level, parent: below.length > 0, expanded });
      if (expanded) for (const child of this.ordered(below).reverse()) stack.push({ row: child, level: level + 1 });
    }
    return out;
  }

  private kept(matches: (row: Cell[]) => boolean): Set<number> {
    const parents = this.block.tree?.parent ?? [];
    const kept = new Set<number>();
    this.block.rows.forEach((cells, row) => {
      if (!matches(cells)) return;
      for (let at = row; at >= 0 && !kept.has(at); at = parents[at] ?? -1) kept.add(at);
    });
    return kept;
  }
}
