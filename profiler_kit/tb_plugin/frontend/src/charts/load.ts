/** Brings the charts when they are first needed. */

import type { MakeChart } from "./echarts";

declare global {
  var profilerKitMakeChart: MakeChart | undefined;
}

let loading: Promise<MakeChart> | null = null;

/** What makes a chart; fails where the server does not answer any more. */
export function loadCharts(): Promise<MakeChart> {
  loading ??= (async () => {
    if (!globalThis.profilerKitMakeChart) await import(new URL("charts.js", import.meta.url).href);
    return globalThis.profilerKitMakeChart!;
  })();
  loading.catch(() => (loading = null));
  return loading;
}
