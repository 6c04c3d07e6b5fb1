/** Tables as CSV (RFC 4180), and safe to open in a spreadsheet. */

import type { Cell, Column } from "./contract";
import { isMissing, RAW_UNITS } from "./quantities";

/** A text that a spreadsheet would run as a formula gets an apostrophe before it; numbers are left alone. */
export function csvCell(value: Cell | undefined): string {
  if (isMissing(value)) return "";
  if (typeof value === "number") return String(value);
  const text = typeof value === "boolean" ? (value ? "yes" : "no") : value;
  const safe = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvText(columns: Column[], rows: Cell[][]): string {
  const heading = columns.map((column) => {
    const unit = RAW_UNITS[column.kind];
    return csvCell(unit ? `${column.title} (${unit})` : column.title);
  });
  return [heading, ...rows.map((row) => columns.map((_, place) => csvCell(row[place])))]
    .map((line) => `${line.join(",")}\r\n`)
    .join("");
}

/** Tabs between cells, for pasting; the cells' own tabs and line breaks become spaces. */
export function tabText(columns: Column[], rows: Cell[][]): string {
  const plain = (value: Cell | undefined) => csvCell(value).replace(/^"|"$/g, "").replace(/[\t\r\n]+/g, " ");
  return [columns.map((column) => plain(column.title)), ...rows.map((row) => columns.map((_, place) => plain(row[place])))]
    .map((line) => line.join("\t"))
    .join("\n");
}
