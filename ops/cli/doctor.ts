import { Command } from 'commander';
import { examine, type Finding } from './checks/index.ts';
import { action, printJson, printLine } from './command.ts';

export const doctorCommand = (): Command =>
  new Command('doctor')
    .description('say what is missing or wrong on this machine, and what to do')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExit code 1 when something is wrong.')
    .action(
      action(async ({ json }: { json?: true }) => {
        const findings = await examine(process.env);
        if (json) printJson(findings);
        else for (const line of findingLines(findings)) printLine(line);
        return findings.every(({ ok }) => ok) ? 0 : 1;
      }),
    );

/** One line a finding, and one for what to do about a bad one. */
export function findingLines(findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const wrong = findings.filter(({ ok }) => !ok).length;
  return [
    ...findings.flatMap(({ name, ok, detail, advice }) => [
      `${ok ? '✓' : '✗'} ${name.padEnd(width)}  ${detail.replaceAll('\n', `\n${' '.repeat(width + 4)}`)}`,
      ...(advice === undefined ? [] : [`${' '.repeat(width + 4)}→ ${advice}`]),
    ]),
    '',
    wrong === 0 ? 'All is well.' : wrong === 1 ? 'One thing is wrong.' : `${wrong} things are wrong.`,
  ];
}
