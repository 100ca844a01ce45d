import { idProblem, keyProblem, type Problem, valueMissing } from '#schemas/checks.ts';
import type { DailyReturn } from '#schemas/generated/types.ts';

/** What is wrong with a day's return, or null. */
export function returnProblem(key: string | null, day: DailyReturn | null): Problem {
  if (day === null) return valueMissing('A daily return');
  const { instrument, date, simpleReturn } = day;
  const id = idProblem('instrument', instrument);
  if (id) return { code: 'ID_INVALID', reason: id };
  const problem = keyProblem(key, 'instrument/date', `${instrument}/${date}`);
  if (problem) return problem;
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || Number.isNaN(Date.parse(date)))
    return {
      code: 'DATE_INVALID',
      reason: `The return of ${instrument} is of "${date}", which is no date like 2008-10-10`,
    };
  if (simpleReturn > -1 && simpleReturn < Number.POSITIVE_INFINITY) return null;
  const reason = `The return of ${instrument} on ${date} is ${simpleReturn}: regimes are of what has a price, so it must be above -1`;
  return { code: 'RETURN_INVALID', reason };
}
