import { useEffect, useState } from 'react';
import { Scroll } from './figures.tsx';
import { formatCompact, formatMinute, formatNumber } from './format.ts';
import { live } from './live.ts';
import { useStore } from './store.ts';
import './models.css';

interface ModelEvent {
  readonly eventId: string;
  readonly eventTime: string;
  readonly model: string;
  readonly version: string | null;
  readonly type: string;
  readonly by: string;
  readonly reason: string;
}
interface Model {
  readonly name: string;
  readonly version: string;
  readonly stage: string;
  readonly since: string;
  readonly training: { readonly labelsUntil: string; readonly rows: number };
  readonly outOfSample: readonly { readonly name: string; readonly value: number }[];
  readonly event: { readonly type: string; readonly by: string; readonly reason: string };
}
interface Known {
  readonly models: readonly Model[];
  readonly mlEvents: readonly ModelEvent[];
}

const MODELS = `query {
  models { name version stage since training { labelsUntil rows } outOfSample { name value } event { type by reason } }
  mlEvents(last: 12) { eventId eventTime model version type by reason }
}`;
const REFRESH_MS = 5_000;
/** What counts first. */
const STAGES = ['CHAMPION', 'SHADOW', 'CANDIDATE', 'RETIRED'];
/** `RETRAINING_STARTED` as people read it. */
const worded = (type: string) => type.toLowerCase().replaceAll('_', ' ');

/** Versions of models: which counts, how good each was out of sample, and what happened to them. */
export function ModelsPanel() {
  const known = useModels();
  const models = known?.models.toSorted(
    (a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)) || STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage),
  );
  return (
    <section className="panel models" aria-labelledby="models-title">
      <div className="panel-head">
        <h2 id="models-title">Models</h2>
      </div>
      {known && models && models.length > 0 ? (
        <>
          <Scroll label="Versions of models">
            <table>
              <thead>
                <tr>
                  {['Model', 'Version', 'Stage', 'Since', 'Trained until', 'Rows', 'Out of sample'].map((heading) => (
                    <th key={heading} scope="col">
                      {heading}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {models.map((model) => (
                  <Version key={`${model.name}/${model.version}`} model={model} />
                ))}
              </tbody>
            </table>
          </Scroll>
          <ol className="events" aria-label="What happened to models, newest first">
            {known.mlEvents.map((event) => (
              <Happened key={event.eventId} event={event} />
            ))}
          </ol>
        </>
      ) : (
        <p className="none">
          {known ? 'No model yet: those that come with Tidemark appear with the first prices' : 'Loading'}
        </p>
      )}
    </section>
  );
}

function Version({ model: { name, version, stage, since, training, outOfSample, event } }: { model: Model }) {
  return (
    <tr className={stage === 'RETIRED' ? 'flat' : undefined}>
      <th scope="row">{name}</th>
      <td className="version">{version}</td>
      <td title={`${event.by}: ${event.reason}`}>{worded(event.type === 'REJECTED' ? event.type : stage)}</td>
      <td>{since.slice(0, 10)}</td>
      <td>{training.labelsUntil.slice(0, 10)}</td>
      <td>{formatCompact(training.rows)}</td>
      <td>
        {outOfSample.map((metric) => (
          <span key={metric.name} className="metric">
            {metric.name} {formatNumber(metric.value, 4)}
          </span>
        ))}
      </td>
    </tr>
  );
}

function Happened({ event: { eventTime, model, version, type, by, reason } }: { event: ModelEvent }) {
  return (
    <li>
      <time dateTime={eventTime}>{formatMinute(eventTime)}</time>{' '}
      <strong>
        {model} {worded(type)}
      </strong>{' '}
      <span className="version">{version}</span> by {by}: {reason}
    </li>
  );
}

/** Asked again now and then; null before the first answer. */
function useModels(): Known | null {
  const isLive = useStore((state) => state.connection === 'live');
  const [known, setKnown] = useState<Known | null>(null);
  useEffect(() => {
    if (!isLive) return;
    let isOver = false;
    const load = () =>
      live.ask<Known>(MODELS).then(
        (answer) => isOver || setKnown(answer),
        // The connection's state and the server's own errors are shown where they arise.
        () => {},
      );
    void load();
    const timer = globalThis.setInterval(load, REFRESH_MS);
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [isLive]);
  return known;
}
