/** Colours of what is shown. After Okabe and Ito (2008), whose colours people with any colour vision tell apart. */

type Pair = readonly [light: string, dark: string];

const BLUE: Pair = ["#1f78b4", "#4a9fdd"];
const ORANGE: Pair = ["#e69f00", "#e8a92b"];
const GREEN: Pair = ["#12906c", "#2fb48b"];
const PURPLE: Pair = ["#c06c98", "#d48bb1"];
const SKY: Pair = ["#6bb8e6", "#78c0ea"];
const VERMILLION: Pair = ["#d55e00", "#e8762a"];
const YELLOW: Pair = ["#d9c62b", "#e5d651"];
const VIOLET: Pair = ["#7d6bb5", "#9c8bd3"];
const BROWN: Pair = ["#96724a", "#b8946a"];
const TEAL: Pair = ["#3f9aa6", "#57b3bf"];
const SLATE: Pair = ["#7a8699", "#8a95a8"];
const GREY: Pair = ["#a9b2bf", "#6c7686"];
const PALE: Pair = ["#cdd3dd", "#465061"];

const CLASSES: Record<string, Pair> = {
  conv: BLUE, convolution: BLUE, matmul: ORANGE, gemm: ORANGE, dense: ORANGE, attention: PURPLE, norm: GREEN, normalization: GREEN,
  elementwise: SKY, activation: TEAL, pooling: VIOLET, reduction: BROWN, softmax: BROWN, embedding: VIOLET, optimizer: BROWN,
  layout: VERMILLION, copy: YELLOW, memset: ["#b8a93a", "#c4b64f"], communication: VIOLET, kernel: SLATE, other: GREY,
  conv_backward: ["#5a94c2", "#2f75ab"], collective: VIOLET, layout_transform: VERMILLION, overlap: TEAL,
  python: ["#a7a58f", "#6e6c52"], busy: BLUE, operator: ["#8fa8c4", "#55708f"], launch: ["#b0a18a", "#85765f"], sync: PURPLE, layer: ["#7fb5a2", "#3f7f6b"],
  step: GREY, annotation: ["#b9b3d6", "#665f8d"], cpu_kernel: GREEN, forward: BLUE, backward: ORANGE, a: BLUE, b: ORANGE,
  waiting: ORANGE, transfer: VIOLET, compute: BLUE, copies: YELLOW, memsets: ["#b8a93a", "#c4b64f"],
  // Idle time by cause: paler than work, so that work stands out.
  idle: PALE, idle_host_busy: ["#f0b48c", "#96572c"], idle_host_outside_operators: ["#e9cf8f", "#84692a"],
  idle_host_allocates_device_memory: ["#c9b79f", "#6d5a41"], idle_synchronisation: ["#dfb3cb", "#85546c"],
  idle_data_loading: ["#a5d5c5", "#2f6f5c"], idle_between_steps: ["#b8bfca", "#5a6474"], idle_waiting_for_a_copy: ["#ebe08d", "#857b2c"],
  idle_waiting_for_communication: ["#c5bbe2", "#5d4f8f"], idle_waiting_for_another_stream: ["#a8d3ee", "#366c8f"],
  idle_launch_under_way: ["#d7a4a0", "#7e4a45"], idle_between_queued_activities: ["#bfd6a8", "#526b3b"],
  idle_unknown: ["#d5dae2", "#454d5b"], unattributed: ["#cfc4bd", "#5f554f"],
};

const BY_ORDER: readonly Pair[] = [BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, VIOLET, YELLOW, BROWN, TEAL];

/** Whether a class has a colour of its own. */
export function isClass(name: string): boolean {
  return Object.hasOwn(CLASSES, name);
}

/** Colour of a class; classes that are not known get one by their place in the list. */
export function colourOf(name: string | undefined, place: number, dark: boolean): string {
  const known = name !== undefined && Object.hasOwn(CLASSES, name) ? CLASSES[name]! : BY_ORDER[place % BY_ORDER.length]!;
  return known[dark ? 1 : 0];
}

/** Colours of things that stand side by side: by class where that tells them apart, else by place. */
export function distinctColours(names: (string | undefined)[], dark: boolean): string[] {
  const taken = new Set<string>();
  return names.map((name, place) => {
    const wanted = [colourOf(name, place, dark), ...BY_ORDER.map((pair) => pair[dark ? 1 : 0])];
    const colour = wanted.find((one) => !taken.has(one)) ?? wanted[0]!;
    taken.add(colour);
    return colour;
  });
}

function channel(hex: string, at: number): number {
  return Number.parseInt(hex.slice(at, at + 2), 16) / 255;
}

/** Relative luminance after WCAG 2.2. */
export function luminance(hex: string): number {
  const linear = [1, 3, 5].map((at) => {
    const value = channel(hex, at);
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!;
}

/** Black or white, whichever is easier to read on a colour. */
export function inkOn(hex: string): string {
  return luminance(hex) > 0.3 ? "#14181f" : "#ffffff";
}

/** Mix a colour with another; 0 leaves it, 1 gives the other. */
export function mix(from: string, to: string, share: number): string {
  const part = (at: number) => Math.round(255 * (channel(from, at) * (1 - share) + channel(to, at) * share));
  return `#${[1, 3, 5].map((at) => part(at).toString(16).padStart(2, "0")).join("")}`;
}
