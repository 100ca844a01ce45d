import type { IncomingMessage } from 'node:http';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/i;

export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

/** The Host header when it is a sound one, else null. */
export function requestHost(request: IncomingMessage): string | null {
  const host = request.headers.host ?? '';
  return HOST.test(host) ? host.toLowerCase() : null;
}

/**
 * Whether a request may be served. A server bound to loopback answers only to loopback names: otherwise any web page could
 * point a name of its own at 127.0.0.1 and read the portfolios from the visitor's browser (DNS rebinding).
 */
export function allowsHost(request: IncomingMessage, boundHost: string): boolean {
  const host = requestHost(request);
  if (host === null) return false;
  return !isLoopback(boundHost) || isLoopback(host.replace(/:\d+$/, ''));
}

/**
 * Whether an upgrade or a POST may be served: browsers send Origin with both, and neither WebSockets nor plain forms know CORS, so
 * a foreign page is turned away here.
 */
export function allowsOrigin(request: IncomingMessage, boundHost: string): boolean {
  if (!allowsHost(request, boundHost)) return false;
  const { origin } = request.headers;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host.toLowerCase() === requestHost(request);
}
