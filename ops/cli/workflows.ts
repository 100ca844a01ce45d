import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { RiskWorkflow } from '#schemas/generated/types.ts';
import { eventTimeAfter, workflowKeys, workflowOf, workflowProblem } from '#schemas/response.ts';
import { workflowFrom } from '#schemas/workflow-input.ts';
import { closest } from '#streams/kit/config.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import { action, printJson, printLine, table } from './command.ts';
import { type Connection, withSystem } from './running.ts';
import { newestOfAll, readAll, write } from './said.ts';

const WORKFLOWS = 'risk.workflows';

/** As they are now, by id. */
async function workflows(system: Connection): Promise<Map<string, RiskWorkflow>> {
  const found = new Map<string, RiskWorkflow>();
  const see = (key: string, workflow: RiskWorkflow | null) => {
    if (workflow) found.set(workflow.workflowId, workflow);
    else found.delete(workflowOf(key) ?? '');
  };
  // Every partition has all.
  await readAll<RiskWorkflow>(system, WORKFLOWS, see, 0);
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const listCommand = (): Command =>
  new Command('list')
    .description('workflows: what is done about incidents')
    .option('--json', 'as JSON, as `set` takes it')
    .action(
      action(async (flags: { json?: boolean }) => {
        const known = [...(await withSystem(workflows)).values()];
        if (flags.json) printJson(known);
        else if (known.length === 0) printLine('There are no workflows: docs/response.md has an example');
        else {
          const rows = known.map(({ workflowId, enabled, severities, levels, steps, name }) => [
            workflowId,
            enabled ? 'on' : 'OFF',
            severities.join(', ') || 'all',
            levels.join(', ') || 'all',
            steps.map(({ kind, afterMs }) => `${kind}${afterMs > 0 ? ` after ${afterMs / 1000} s` : ''}`).join(', '),
            name,
          ]);
          for (const line of table([['workflow', '', 'severities', 'levels', 'steps', 'name'], ...rows]))
            printLine(line);
        }
        return 0;
      }),
    );

const setCommand = (): Command =>
  new Command('set')
    .description('set a workflow of a file; one of the same id is replaced')
    .argument('<file>', 'JSON: docs/response.md has an example')
    .requiredOption('--by <name>', 'who sets it, for the record')
    .action(
      action(async (file: string, { by }: { by: string }) => {
        const input = workflowFrom(readJson(file), `cli:${by}`);
        if (typeof input === 'string') throw new TidemarkError('WORKFLOW_INVALID', `${file}: ${input}`);
        return withSystem(async (system) => {
          const value = { ...input, eventTime: eventTimeAfter(await newestOfAll(system), Date.now()) };
          const keys = workflowKeys(value.workflowId);
          const problem = workflowProblem(keys[0]!, value, Date.now());
          if (problem) throw new TidemarkError(problem.code, problem.reason);
          await write(system, WORKFLOWS, keys, value, value.eventTime);
          printLine(`${value.workflowId} is set: ${value.steps.length} steps`);
          return 0;
        });
      }),
    );

const removeCommand = (): Command =>
  new Command('remove')
    .description('take a workflow away; what it has set stays')
    .argument('<id>', 'id of the workflow')
    .action(
      action(async (workflowId: string) =>
        withSystem(async (system) => {
          const known = [...(await workflows(system)).keys()];
          if (!known.includes(workflowId)) {
            const hint = closest(workflowId, known) || `: there are ${known.join(', ') || 'none'}`;
            throw new TidemarkError('WORKFLOW_UNKNOWN', `There is no workflow "${workflowId}"${hint}`);
          }
          const eventTime = eventTimeAfter(await newestOfAll(system), Date.now());
          await write(system, WORKFLOWS, workflowKeys(workflowId), null, eventTime);
          printLine(`${workflowId} is taken away`);
          return 0;
        }),
      ),
    );

export const workflowsCommand = (): Command =>
  new Command('workflows')
    .description('what is done about incidents of limits: list, set, remove')
    .addCommand(listCommand())
    .addCommand(setCommand())
    .addCommand(removeCommand());

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new TidemarkError('FILE_UNREADABLE', `${file} could not be read as JSON: ${describeError(cause)}`, { cause });
  }
}
