import { escapeHtml } from './escape.ts';
import type { Mark, Plot } from './marks.ts';

/** To a hundredth of a point. */
const at = (value: number): string => String(Number(value.toFixed(2)));

/** A plot as one SVG element that scales with the page. `title` is what a reader who does not see it is told. */
export function svg({ width, height, marks }: Plot, title: string): string {
  const name = escapeHtml(title);
  return `<svg viewBox="0 0 ${at(width)} ${at(height)}" role="img" aria-label="${name}"><title>${name}</title>${marks.map(element).join('')}</svg>`;
}

function element(mark: Mark): string {
  switch (mark.kind) {
    case 'line': {
      const points = mark.points.map(([x, y]) => `${at(x)},${at(y)}`).join(' ');
      const dash = mark.dash ? ` stroke-dasharray="${mark.dash.join(' ')}"` : '';
      return `<polyline points="${points}" fill="none" stroke="${mark.color}" stroke-width="${mark.width}"${dash}/>`;
    }
    case 'box':
      return `<rect x="${at(mark.x)}" y="${at(mark.y)}" width="${at(mark.width)}" height="${at(mark.height)}" fill="${mark.color}"/>`;
    case 'dot':
      return `<circle cx="${at(mark.x)}" cy="${at(mark.y)}" r="${mark.radius}" fill="${mark.color}"/>`;
    case 'text':
      return `<text x="${at(mark.x)}" y="${at(mark.y)}" font-size="${mark.size}" text-anchor="${mark.anchor}" fill="${mark.color}">${escapeHtml(mark.text)}</text>`;
  }
}
