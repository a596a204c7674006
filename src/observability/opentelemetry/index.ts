import { type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api';
import { measure } from './metrics.js';
import { traceUnitsAndStatements } from './spans.js';

/** What `instrumentUnitsOfWork()` takes. */
export interface InstrumentationOptions {
  /** Where spans go; the global provider unless set. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Where metrics go; the global provider unless set. */
  readonly meterProvider?: MeterProvider | undefined;
  /** Whether spans have the text of their statement, `db.query.text`, with a `?` in the place of each value. Off unless set. */
  readonly statementText?: boolean | undefined;
}

/** The name of the tracer and the meter. */
const NAME = 'mikro-orm-uow';

/**
 * Makes spans for units of work and for statements, and metrics, by OpenTelemetry's stable conventions for databases. All
 * engines of the process are told of, also those that were there before. No span has a value of a statement, nor the text of an error.
 *
 * Beside `@opentelemetry/instrumentation-pg`, which sees every statement, the spans and durations of statements are left to it.
 *
 * Returns what ends it.
 *
 * @example
 * ```ts
 * import { instrumentUnitsOfWork } from 'mikro-orm-uow/opentelemetry';
 *
 * // behind the setup of OpenTelemetry's SDK
 * export const stop = instrumentUnitsOfWork({ statementText: true });
 * ```
 */
export function instrumentUnitsOfWork(options?: InstrumentationOptions): () => void {
  const { tracerProvider = trace, meterProvider = metrics, statementText = false } = options ?? {};
  const stops = [
    traceUnitsAndStatements(tracerProvider.getTracer(NAME), { statementText }),
    measure(meterProvider.getMeter(NAME)),
  ];
  return () => {
    for (const stop of stops) {
      stop();
    }
  };
}
