import { parse, View, Warn } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** Draws a chart, without a browser. */
export async function drawSvg(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: 'none', logLevel: Warn });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}
