/** How numbers are written: one unit a column, with the same units and decimals as the text report. */

import type { Cell, Kind } from "./contract";

export const MISSING = "\u2013";

export interface Unit {
  divisor: number;
  name: string;
}

const SCALES: Partial<Record<Kind, [number, string][]>> = {
  duration: [[1e9, "s"], [1e6, "ms"], [1e3, "\u00b5s"], [1, "ns"]],
  bytes: [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]],
  bytes_per_s: [[1e12, "TB/s"], [1e9, "GB/s"], [1e6, "MB/s"], [1e3, "kB/s"], [1, "B/s"]],
  flops: [[1e12, "TFLOP"], [1e9, "GFLOP"], [1e6, "MFLOP"], [1e3, "kFLOP"], [1, "FLOP"]],
  flops_per_s: [[1e12, "TFLOP/s"], [1e9, "GFLOP/s"], [1e6, "MFLOP/s"], [1e3, "kFLOP/s"], [1, "FLOP/s"]],
};

const NO_UNIT: Unit = { divisor: 1, name: "" };

/** Units of values as they are kept, for files that hold raw numbers. */
export const RAW_UNITS: Partial<Record<Kind, string>> = {
  duration: "ns",
  bytes: "B",
  bytes_per_s: "B/s",
  flops: "FLOP",
  flops_per_s: "FLOP/s",
};

export function isNumeric(kind: Kind): boolean {
  return kind !== "text" && kind !== "mono";
}

export function isMissing(value: Cell | undefined): value is null | undefined {
  return value === null || value === undefined || (typeof value === "number" && Number.isNaN(value));
}

/** Choose one unit for values of a kind, so that the largest has one to three digits before the point. */
export function unitOf(kind: Kind, largest: number): Unit {
  const scales = SCALES[kind];
  if (!scales) return NO_UNIT;
  const [divisor, name] = scales.find(([scale]) => Math.abs(largest) >= scale) ?? scales[scales.length - 1]!;
  return { divisor, name };
}

export function largestOf(values: Iterable<Cell | undefined>): number {
  let largest = 0;
  for (const value of values) if (typeof value === "number" && Math.abs(value) > largest) largest = Math.abs(value);
  return largest;
}

function fixed(value: number, decimals: number): string {
  // Rounded as Python does it, so that a half way between two figures is the same here and in the text report.
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals, roundingMode: "halfEven" });
}

/** Write a factor as the sentences do: three digits that count. */
export function factor(value: number): string {
  return `${value.toLocaleString("en-US", { maximumSignificantDigits: 3, roundingMode: "halfEven" })}\u00d7`;
}

/** Write a value in a given unit, without the unit. */
export function write(kind: Kind, value: Cell | undefined, unit: Unit = NO_UNIT): string {
  if (isMissing(value)) return MISSING;
  if (typeof value !== "number" || !isNumeric(kind)) return typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
  if (kind === "count") return fixed(value, Number.isInteger(value) ? 0 : 1); // a mean of several steps
  if (kind === "number") return value.toLocaleString("en-US", { maximumSignificantDigits: 6 });
  if (kind === "share") return `${fixed(value * 100, 1)}%`;
  if (kind === "ratio") return `${fixed(value, value < 0.1 ? 3 : 2)} \u00d7`;
  const decimals = unit.divisor === 1 ? 0 : kind.endsWith("_per_s") ? 2 : 3;
  const scaled = value / unit.divisor;
  const least = 10 ** -decimals;
  if (scaled !== 0 && Math.abs(scaled) < least / 2) return scaled > 0 ? `<${least.toFixed(decimals)}` : `>-${least.toFixed(decimals)}`;
  return fixed(scaled, decimals);
}

/** Write a value that stands alone, with its unit. */
export function withUnit(kind: Kind, value: Cell | undefined): string {
  const unit = unitOf(kind, typeof value === "number" ? value : 0);
  const text = write(kind, value, unit);
  return unit.name && text !== MISSING ? `${text} ${unit.name}` : text;
}

/** Write a value for an axis: few digits, with its unit. */
export function brief(kind: Kind | undefined, value: number): string {
  if (value === 0) return "0";
  if (kind === "share") return `${trimmed(value * 100)}%`;
  if (kind === "ratio") return `${trimmed(value)}\u00d7`;
  const unit = unitOf(kind ?? "number", value);
  return unit.name ? `${trimmed(value / unit.divisor)} ${unit.name}` : trimmed(value);
}

function trimmed(value: number): string {
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}
