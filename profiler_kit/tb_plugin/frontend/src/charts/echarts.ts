/** The parts of Apache ECharts that the page uses; the rest stays out of the bundle. */

import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, LineChart, ScatterChart, GridComponent, TooltipComponent, SVGRenderer]);

export type Chart = ReturnType<typeof init>;
export type Options = Parameters<Chart["setOption"]>[0];

export function makeChart(element: HTMLElement): Chart {
  return init(element, null, { renderer: "svg" });
}
