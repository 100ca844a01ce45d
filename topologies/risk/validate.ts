import { keyProblem, type Problem, valueMissing } from '#schemas/checks.ts';
import type { PortfolioPnl } from '#schemas/generated/types.ts';

/** What is wrong with a portfolio's P&L, or null. It is our own; this guards equity against a stranger's record. */
export function pnlProblem(key: string | null, pnl: PortfolioPnl | null): Problem {
  if (pnl === null) return valueMissing('A P&L');
  const problem = keyProblem(key, 'portfolio', pnl.portfolio);
  const isSound = pnl.eventTime >= 0 && (pnl.equity === null || Number.isFinite(pnl.equity));
  if (problem || isSound) return problem;
  return { code: 'PNL_INVALID', reason: `P&L of ${pnl.portfolio}: its time or equity is not a finite number` };
}
