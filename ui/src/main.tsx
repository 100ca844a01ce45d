import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { live } from './live.ts';
import './attribution.css';
import './page.css';
import './panels.css';
import './reports.css';

live.start();
createRoot(document.getElementById('root')!).render(<App />);
