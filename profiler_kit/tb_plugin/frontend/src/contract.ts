/** What the Python side sends: the page contract. The page knows blocks, not analyses. */

export type Kind =
  | "text"
  | "mono"
  | "count"
  | "number"
  | "ratio"
  | "share"
  | "duration"
  | "bytes"
  | "bytes_per_s"
  | "flops"
  | "flops_per_s";

/** A cell: numbers are raw (durations in ns, shares from 0 to 1); null is "not known". */
export type Cell = string | number | boolean | null;

export interface Column {
  key: string;
  title: string;
  kind: Kind;
  help?: string;
  bar?: boolean;
  wrap?: boolean;
  hidden?: boolean;
  /** Columns that give the same word here share their unit. */
  same_unit?: string;
  /** Key of a column that holds the colour class of the row's dot. */
  color_class_from?: string;
}

export interface TableBlock {
  type: "table";
  id: string;
  title?: string;
  lead?: string;
  columns: Column[];
  rows: Cell[][];
  tree?: { parent: number[] };
  sort?: { key: string; descending?: boolean };
  link?: { column: string; view: string };
  detail?: (Block | Block[] | null)[];
  total_row?: Cell[];
  note?: string | string[];
}

export type Fact = [label: string, text: string];

export interface FactsBlock {
  type: "facts";
  id: string;
  title?: string;
  items: Fact[];
}

export interface Finding {
  title: string;
  details?: Fact[];
  severity?: "info" | "hint" | "warning";
  link?: { view: string; sel?: string };
}

export interface FindingsBlock {
  type: "findings";
  id: string;
  title?: string;
  items: Finding[];
}

export interface TextBlock {
  type: "text";
  id: string;
  title?: string;
  paragraphs: string[];
}

export interface BreakdownPart {
  label: string;
  value: number;
  help?: string;
  color_class?: string;
}

export interface BreakdownBlock {
  type: "breakdown";
  id: string;
  title?: string;
  lead?: string;
  unit: string;
  total: number;
  parts: BreakdownPart[];
}

export interface Axis {
  title: string;
  kind?: Kind;
  scale?: "linear" | "log";
  categories?: string[];
  unit?: string;
}

export type Point = [x: number | string | null, y: number | null, label?: string | null];

export interface Series {
  name: string;
  points: Point[];
  color_class?: string;
  style?: "line" | "points" | "bars";
  /** A line that keeps each value until the next. */
  step?: boolean;
}

export interface ChartBlock {
  type: "chart";
  id: string;
  title?: string;
  lead?: string;
  kind: "bar" | "stacked_bar" | "line" | "scatter" | "histogram" | "waterfall" | "roofline";
  x: Axis;
  y: Axis;
  series: Series[];
  table?: string;
}

export interface MissingBlock {
  type: "missing";
  id: string;
  title?: string;
  text: string;
  command?: string;
}

export interface KernelBlock {
  type: "kernel";
  id: string;
  name: string;
}

export type Block =
  | TableBlock
  | FactsBlock
  | FindingsBlock
  | TextBlock
  | BreakdownBlock
  | ChartBlock
  | MissingBlock
  | KernelBlock;

export interface View {
  id: string;
  title?: string;
  lead?: string | string[];
  blocks: Block[];
}

export interface ViewEntry {
  id: string;
  title: string;
  available: boolean;
  missing?: string;
  command?: string;
  kind?: "timeline" | "compare" | "blocks";
}

export interface TraceFacts {
  title: string;
  facts: Fact[];
  classes?: string[];
}

export type ViewsAnswer =
  | { state: "reading"; progress?: number; message?: string }
  | { state: "ready"; trace: TraceFacts; views: ViewEntry[] };

export interface RunFile {
  file: string;
  worker?: string;
  rank: number | null;
  bytes?: number;
  modified?: number;
  state: "unread" | "reading" | "ready" | "failed";
  progress?: number;
  error?: string | null;
}

export interface Run {
  run: string;
  files: RunFile[];
}

export interface RunsAnswer {
  version?: number;
  runs: Run[];
  generation?: number;
}

export interface Kernel {
  name: string;
  facts: Fact[];
  tokens: { text: string; meaning?: string; source?: string }[];
}

export interface Track {
  id?: string;
  title: string;
  group?: string;
  kind: string;
  first: number;
  count: number;
  depths: number;
  /** Shown as one lane until opened. */
  collapsed?: boolean;
}

export interface TimelineHead {
  version?: number;
  /** Zero of the page's clock in the trace's own, as text: it is beyond the exact integers. */
  origin_ns?: string;
  span_ns: number;
  slices: number;
  names: string[];
  /** Short forms of long names. */
  labels?: (string | null)[];
  classes: { id: string; title: string }[];
  tracks: Track[];
  arrays: { array: string; dtype: string; offset: number; length: number }[];
  steps?: { title: string; start_ns: number; duration_ns: number }[];
}

export interface SliceFacts {
  facts: Fact[];
  kernel?: string;
}

/** A trace, by the names that the server gave. */
export interface At {
  run: string;
  file: string;
}
