import { Command } from 'commander';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { describeTopology, mermaidTopology } from '#streams/topology/describe.ts';
import { bars } from '#topologies/bars/graph.ts';
import { book } from '#topologies/book/graph.ts';
import { execution } from '#topologies/execution/graph.ts';
import { indicators } from '#topologies/indicators/graph.ts';
import { limits } from '#topologies/limits/graph.ts';
import { portfolio } from '#topologies/portfolio/graph.ts';
import { positions } from '#topologies/positions/graph.ts';
import { predictions } from '#topologies/predictions/graph.ts';
import { regimes } from '#topologies/regimes/graph.ts';
import { response } from '#topologies/response/graph.ts';
import { risk } from '#topologies/risk/graph.ts';
import { action } from './command.ts';

/** Every topology by name. */
export const TOPOLOGIES = {
  positions: positions(),
  portfolio: portfolio(),
  bars: bars(),
  indicators: indicators(),
  regimes: regimes(),
  predictions: predictions(),
  book: book(),
  risk: risk(),
  execution: execution(),
  limits: limits(),
  response: response(),
};

export const describeCommand = (): Command =>
  new Command('describe')
    .description('show a topology: sources, processors, stores and sinks')
    .argument('[topology]', `${Object.keys(TOPOLOGIES).join(', ')}; all when left out`)
    .option('--mermaid', 'as a Mermaid flowchart, for pages that draw them')
    .action(
      action(async (name: string | undefined, { mermaid = false }: { mermaid?: boolean }) => {
        process.stdout.write(describe(name, mermaid));
        return 0;
      }),
    );

/** The description of one topology, or of all. Throws TOPOLOGY_UNKNOWN. */
export function describe(name: string | undefined, mermaid: boolean): string {
  const names = Object.keys(TOPOLOGIES);
  if (name !== undefined && !names.includes(name)) {
    const hint = closest(name, names) || `; there are ${names.join(', ')}`;
    throw new TidemarkError('TOPOLOGY_UNKNOWN', `There is no topology "${name}"${hint}`);
  }
  return Object.values(TOPOLOGIES)
    .filter((topology) => name === undefined || topology.name === name)
    .map((topology) => (mermaid ? mermaidTopology(topology) : describeTopology(topology)))
    .join('\n');
}
