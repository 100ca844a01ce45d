import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { buildReport, checkRequest } from '#reports/build.ts';
import { fileName, formatOf } from '#reports/render/index.ts';
import type { ReportSource } from '#reports/source.ts';
import { systemClock } from '#streams/kit/clock.ts';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';

/** Reports in the making at once: each takes the processor from those who watch live. */
const MOST_AT_ONCE = 2;
const RETRY_AFTER_S = 2;
const PARAMETERS = ['portfolio', 'from', 'to', 'date'] as const;
type Query = Readonly<Partial<Record<(typeof PARAMETERS)[number], string>>>;

/** Mistakes of whoever asks, by the status that says so. */
const STATUS: Readonly<Record<string, number>> = {
  REPORT_UNKNOWN: 404,
  FORMAT_UNKNOWN: 404,
  PORTFOLIO_UNKNOWN: 404,
  PORTFOLIO_MISSING: 400,
  PARAMETER_UNKNOWN: 400,
  OPTION_FOREIGN: 400,
  DAY_INVALID: 400,
  PERIOD_INVALID: 400,
};

/** `GET /reports/KIND.FORMAT?portfolio=…`, with `from` and `to` or `date`, YYYY-MM-DD, both inclusive. */
export function serveReports(app: FastifyInstance, source: ReportSource): void {
  let busy = 0;
  app.get('/reports/:file', async (request: FastifyRequest<{ Params: { file: string } }>, reply) => {
    if (busy >= MOST_AT_ONCE)
      return reply
        .code(503)
        .header('retry-after', RETRY_AFTER_S)
        .send({ error: 'Other reports are in the making: try again in a moment' });
    busy++;
    try {
      return await answer(request.params.file, checkQuery(request.query), source, reply);
    } catch (error) {
      const status = error instanceof TidemarkError ? STATUS[error.code] : undefined;
      if (status === undefined) throw error;
      return reply.code(status).send({ error: (error as Error).message });
    } finally {
      busy--;
    }
  });
}

async function answer(file: string, query: Query, source: ReportSource, reply: FastifyReply): Promise<FastifyReply> {
  const dot = file.lastIndexOf('.');
  const [kind, formatName] = dot < 0 ? [file, ''] : [file.slice(0, dot), file.slice(dot + 1)];
  const asked = checkRequest({ ...query, kind, portfolio: query.portfolio });
  const format = formatOf(formatName);
  const report = await buildReport(asked, source, systemClock.now());
  const bytes = await format.render(report);
  const disposition = format.isShown ? 'inline' : 'attachment';
  return reply
    .header('content-type', format.contentType)
    .header('content-disposition', `${disposition}; filename="${fileName(report, formatName)}"`)
    .header('cache-control', 'no-store')
    .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
    .send(bytes);
}

/** Throws PARAMETER_UNKNOWN: a typing error must not pass for a report of all days. */
function checkQuery(query: unknown): Query {
  for (const [name, value] of Object.entries(query as Record<string, unknown>)) {
    if (!(PARAMETERS as readonly string[]).includes(name))
      throw new TidemarkError(
        'PARAMETER_UNKNOWN',
        `There is no parameter "${name}"${closest(name, PARAMETERS) || `; there are ${PARAMETERS.join(', ')}`}`,
      );
    if (typeof value !== 'string') throw new TidemarkError('PARAMETER_UNKNOWN', `${name} is given more than once`);
  }
  return query as Query;
}
