import type { EventEmitter } from 'node:events';
import { ConfigurationError } from '../errors.js';

/** What `signalOf` needs of a response: Node's own `ServerResponse`, which Express hands over as it is. */
interface Response extends Pick<EventEmitter, 'once'> {
  readonly writableFinished: boolean;
  readonly destroyed: boolean;
}

/** A request or reply of a framework that has Node's response somewhere. */
type HasResponse = Response | { readonly res: Response } | { readonly raw: Response };

/**
 * A signal that fires when the client goes away before it has its answer, and not when the answer was sent: for `signal`
 * of a unit of work, which is then rolled back, and its running statement cancelled. Takes Node's response, Express's
 * request or response, Fastify's reply. Its reason is an `AbortError`.
 *
 * @throws ConfigurationError where it gets something else
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { type EngineFactory, MikroOrmUnitOfWork, signalOf } from 'mikro-orm-uow';
 *
 * class AuditUnitOfWork extends MikroOrmUnitOfWork.of({}) {}
 *
 * export const serve = (engineFactory: EngineFactory) => {
 *   const uow = new AuditUnitOfWork(engineFactory);
 *   return createServer(async (_request, response) => {
 *     await uow.run((u) => u.flush(), { signal: signalOf(response) });
 *     response.end('done');
 *   });
 * };
 * ```
 */
export function signalOf(source: HasResponse): AbortSignal {
  const response = [source, (source as { raw?: unknown })?.raw, (source as { res?: unknown })?.res].find(isResponse);
  if (response === undefined) {
    throw new ConfigurationError(
      "signalOf() needs Node's response, Express's request or response, or Fastify's reply.",
    );
  }
  const controller = new AbortController();
  const abort = (): void => controller.abort(new DOMException('The client went away', 'AbortError'));
  if (response.destroyed && !response.writableFinished) {
    abort();
  } else {
    response.once('close', () => response.writableFinished || abort());
  }
  return controller.signal;
}

const isResponse = (candidate: unknown): candidate is Response =>
  typeof candidate === 'object' &&
  candidate !== null &&
  'writableFinished' in candidate &&
  typeof (candidate as Partial<Response>).once === 'function';
