import { deferred } from '../wait-for.js';
import type { WireMessage } from './messages.js';
import type { Hook, ProxyConnection } from './proxy-connection.js';

/** Where a fault hooks in. */
export interface FaultHooks {
  readonly onFrontend: Set<Hook>;
  readonly onBackend: Set<Hook>;
}

/** A fault that waits for its moment. */
export interface Fault {
  /** Resolves when it has struck for the first time. */
  readonly struck: Promise<ProxyConnection>;
  /** Takes it back. */
  cancel(): void;
}

/** A message that is being held. */
export interface Hold extends Fault {
  /** Lets the message go on its way, and takes the hold back. */
  release(): void;
}

/** How often a fault strikes. */
export interface FaultOptions {
  /** `once` unless set. */
  readonly times?: number;
}

/** Closes the connection when the client sends SQL that matches; the server never sees it. */
export function killBefore(hooks: FaultHooks, pattern: RegExp, options?: FaultOptions): Fault {
  return onSql(hooks, pattern, options, (_message, connection) => {
    connection.destroy();
    return 'swallow';
  });
}

/** Lets the server execute SQL that matches, swallows its answer, and closes the connection when the answer is complete. */
export function loseReply(hooks: FaultHooks, pattern: RegExp, options?: FaultOptions): Fault {
  return onSql(hooks, pattern, options, (_message, connection) => {
    const swallow: Hook = (answer, answering) => {
      if (answering !== connection) {
        return undefined;
      }
      if (answer.type === 'Z') {
        hooks.onBackend.delete(swallow);
        connection.destroy();
      }
      return 'swallow';
    };
    hooks.onBackend.add(swallow);
  });
}

/** Forwards SQL that matches, and closes the client's end without waiting for the server. */
export function closeAfter(hooks: FaultHooks, pattern: RegExp, options?: FaultOptions): Fault {
  return onSql(hooks, pattern, options, (message, connection) => {
    const close: Hook = (next, sender) => {
      if (sender === connection && (next.type === 'Q' || next.type === 'S')) {
        hooks.onFrontend.delete(close);
        connection.closeClient();
      }
    };
    // of an extended batch, Sync is the end; a simple query is complete by itself
    if (message.type === 'Q') {
      connection.closeClient();
    } else {
      hooks.onFrontend.add(close);
    }
  });
}

/** Goes silent at SQL that matches: neither forwards nor closes anything of that connection again. */
export function silenceAt(hooks: FaultHooks, pattern: RegExp, options?: FaultOptions): Fault {
  return onSql(hooks, pattern, options, (_message, connection) => {
    connection.silence();
    return 'swallow';
  });
}

/** Holds SQL that matches, and all that the client sends after it on that connection, until `release()`. */
export function holdAt(hooks: FaultHooks, pattern: RegExp, options?: FaultOptions): Hold {
  const released = deferred<undefined>();
  const fault = onSql(hooks, pattern, options, () => released.promise);
  const release = (): void => {
    fault.cancel();
    released.resolve(undefined);
  };
  return { ...fault, cancel: release, release };
}

/** Forwards SQL that matches some milliseconds late. */
export function delayAt(hooks: FaultHooks, pattern: RegExp, delay: number, options?: FaultOptions): Fault {
  return onSql(hooks, pattern, options, () => new Promise((resolve) => setTimeout(() => resolve(undefined), delay)));
}

function onSql(hooks: FaultHooks, pattern: RegExp, { times = 1 }: FaultOptions = {}, strike: Hook): Fault {
  const struck = deferred<ProxyConnection>();
  let left = times;
  const hook: Hook = (message: WireMessage, connection) => {
    if (left <= 0 || message.sql === undefined || message.sql.search(pattern) < 0) {
      return undefined;
    }
    left--;
    struck.resolve(connection);
    return strike(message, connection);
  };
  hooks.onFrontend.add(hook);
  return { struck: struck.promise, cancel: () => void hooks.onFrontend.delete(hook) };
}
