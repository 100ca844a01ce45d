import { expect, it } from 'vitest';
import { read } from './sources.ts';

interface Locked {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

it('locks the packages of every platform, or npm ci refuses a clean clone', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !isLocked(packages, path, name))
      .map((name) => `${path} wants ${name}`),
  );
  expect(missing).toEqual([]);
});

/** True when a package is locked beside `path` or in a folder above it, where Node would find it. */
function isLocked(packages: Readonly<Record<string, Locked>>, path: string, name: string): boolean {
  if (`${path}/node_modules/${name}`.replace(/^\//, '') in packages) return true;
  return path !== '' && isLocked(packages, path.slice(0, Math.max(0, path.lastIndexOf('node_modules/') - 1)), name);
}
