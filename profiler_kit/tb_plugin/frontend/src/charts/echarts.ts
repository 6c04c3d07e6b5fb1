/**
 * The parts of Apache ECharts that the page uses; the rest stays out. A module of its own, ../static/charts.js, which is
 * loaded when a view first has a chart: most of the page's bytes are here, and the first view should not wait for them.
 */

import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, LineChart, ScatterChart, GridComponent, TooltipComponent, SVGRenderer]);

export type Chart = ReturnType<typeof init>;
export type Options = Parameters<Chart["setOption"]>[0];

function makeChart(element: HTMLElement): Chart {
  return init(element, null, { renderer: "svg" });
}

export type MakeChart = typeof makeChart;

// A saved page holds both modules inline, where one cannot import the other: both find each other here.
globalThis.profilerKitMakeChart = makeChart;
