/**
 * Line colours by order of portfolio: told apart by people with any common colour vision (after Okabe and Ito), and light or
 * dark enough on both themes.
 */
const DARK = ['#4da3ff', '#f2b84b', '#c58cff', '#3fd0c0', '#ff8f6b', '#9ccc4e', '#ff7eb6', '#b0b8c4'] as const;
const LIGHT = ['#0b62c4', '#a86400', '#7a3fc4', '#00796b', '#c2410c', '#4d7c0f', '#be1868', '#56606d'] as const;

const lightTheme = () => matchMedia('(prefers-color-scheme: light)').matches;

export const colorOf = (index: number): string => {
  const colors = lightTheme() ? LIGHT : DARK;
  return colors[index % colors.length] ?? colors[0];
};

/** A colour of the style sheet. */
export const cssColor = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Calls when the reader's system changes between dark and light. */
export function onThemeChange(listener: () => void): () => void {
  const query = matchMedia('(prefers-color-scheme: light)');
  query.addEventListener('change', listener);
  return () => query.removeEventListener('change', listener);
}
