import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { SETTINGS } from '#schemas/settings.ts';
import { readSettings } from '#streams/kit/config.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

interface Service {
  image: string;
  build?: { context: string; dockerfile: string };
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  ports?: string[];
  volumes?: string[];
  healthcheck?: { test: string[] };
}
const document = parseDocument(read('docker-compose.yml'), { uniqueKeys: true });
const compose = document.toJS() as { services: Record<string, Service>; volumes: Record<string, unknown> };
const services = Object.entries(compose.services);

/** Compose's interpolation: `${NAME:-default}` and `${NAME:?message}`. */
const interpolate = (text: string, env: Record<string, string>) =>
  text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind: string, rest: string) => {
    if (env[name]) return env[name];
    if (kind === '-') return rest;
    throw new Error(`${name}: ${rest}`);
  });

describe('docker-compose.yml', () => {
  it('is YAML without errors or warnings', () => {
    expect(document.errors).toEqual([]);
    expect(document.warnings).toEqual([]);
  });

  it('pins every image', () => {
    const images = [
      ...services.filter(([, service]) => !service.build).map(([, service]) => service.image),
      ...[...read('ops/docker/Dockerfile').matchAll(/^FROM (\S+)/gm)].map((match) => match[1]!),
    ];
    expect(images.length).toBeGreaterThan(5);
    for (const image of images) expect(image).toMatch(/^[\w./-]+:\d+\.\d+[\w.-]*$/);
  });

  it('gives Tidemark settings that exist and that it accepts', () => {
    const { environment = {} } = compose.services.tidemark!;
    const passwords = { TIDEMARK_POSTGRES_PASSWORD: 'one1', TIDEMARK_CLICKHOUSE_PASSWORD: 'two2' };
    const env = Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [name, interpolate(value, passwords)]),
    );
    for (const name of Object.keys(env)) expect(Object.keys(SETTINGS)).toContain(name);
    const settings = readSettings(SETTINGS, env);
    expect(settings).toMatchObject({ KAFKA_BROKERS: ['kafka:9092'], TIDEMARK_DEMO: true, TIDEMARK_REPLAY_SPEED: 50 });
    for (const url of [settings.SCHEMA_REGISTRY_URL, settings.DATABASE_URL, settings.CLICKHOUSE_URL]) {
      expect(Object.keys(compose.services)).toContain(new URL(url!).hostname);
    }
    expect(new URL(settings.DATABASE_URL!).password).toBe('one1');
  });

  it('holds no secret and stops without one, saying which', () => {
    const text = read('docker-compose.yml');
    expect(text).not.toMatch(/PASSWORD: (?!\$\{\w+:\?)/);
    expect(text).not.toMatch(/:\/\/\w+:(?!\$\{\w+:\?)[^@\s]*@/);
    const { POSTGRES_PASSWORD } = compose.services.postgres!.environment!;
    expect(() => interpolate(POSTGRES_PASSWORD!, {})).toThrow(/TIDEMARK_POSTGRES_PASSWORD: set /);
  });

  it('opens ports on this machine only', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(3);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it('checks the health of every service and waits for it', () => {
    for (const [name, service] of services) {
      expect(service.healthcheck?.test[0], name).toBe('CMD');
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(Object.keys(compose.services)).toContain(other);
        expect(condition).toBe('service_healthy');
      }
    }
  });

  it('keeps data in named volumes that exist', () => {
    const used = services.flatMap(([, service]) => service.volumes ?? []).map((volume) => volume.split(':')[0]!);
    expect(used.sort()).toEqual(Object.keys(compose.volumes).sort());
  });

  it('builds from files that are there', () => {
    const { build } = compose.services.tidemark!;
    expect(existsSync(join(ROOT, build!.context, build!.dockerfile))).toBe(true);
    const copied = [...read('ops/docker/Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
      match[1]!.split(' '),
    );
    for (const file of copied) expect(existsSync(join(ROOT, file)), file).toBe(true);
    const main = /"(\S+\.ts)"/.exec(read('ops/docker/Dockerfile'))![1]!;
    expect(existsSync(join(ROOT, main))).toBe(true);
  });
});
