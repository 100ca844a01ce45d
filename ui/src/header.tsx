import { formatMinute } from './format.ts';
import { useStatus } from './status.ts';
import { useStore } from './store.ts';

/** Figures whose event time lies further back than this are a replay and not the present. */
const REPLAY_AFTER_MS = 3 * 86_400_000;

export function Header() {
  const dataTime = useStore((state) => state.dataTime);
  const synthetic = useStore((state) => state.sources.some((source) => source.startsWith('synthetic')));
  const status = useStatus();
  const replay = dataTime !== null && Date.now() - Date.parse(dataTime) > REPLAY_AFTER_MS;
  return (
    <header className="top">
      <div className="brand">
        <svg viewBox="0 0 32 32" role="img" aria-hidden="true">
          <path d="M3 21c4.3 0 4.3-6 8.7-6s4.3 6 8.6 6 4.4-6 8.7-6" />
          <path className="mark" d="M4 9h24" />
        </svg>
        <h1>Tidemark</h1>
      </div>
      <div className="clock">
        <span className="label">Data time</span>
        <time dateTime={dataTime ?? undefined}>{dataTime ? formatMinute(dataTime) : '–'}</time>
        <span className="label">UTC</span>
        {replay && <span className="badge">Historical replay</span>}
        {synthetic && <span className="badge warn">Synthetic data</span>}
      </div>
      <div className={`status ${status.kind}`} role="status">
        <span className="dot" aria-hidden="true" />
        <strong>{status.text}</strong>
        {status.detail && <span className="detail">{status.detail}</span>}
      </div>
    </header>
  );
}
