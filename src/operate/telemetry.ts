/**
 * The instruments as OpenTelemetry reads them.
 * @module
 */
import { Histogram } from "./counts.ts";
import type { Engine } from "../engine.ts";
import { type Instrument, instruments } from "./metrics.ts";

/** What a number is told apart by. */
export type Attributes = Record<string, string>;

/** What a batch callback reports to; the real one is of `@opentelemetry/api`. */
export interface MeterResult<O> {
  /** Reports what `instrument` has measured. */
  observe(instrument: O, value: number, attributes?: Attributes): void;
}

/** How an instrument is described to a meter. */
export interface MeterOptions {
  /** One line for people. */
  description: string;
  /** Its unit, as UCUM has it. */
  unit: string;
  /** What helps whoever collects it. */
  advice?: { explicitBucketBoundaries: number[] };
}

/** As much of a `Meter` of `@opentelemetry/api` as is needed here. */
export interface Meter<O> {
  /** Makes what only rises. */
  createObservableCounter(name: string, options: MeterOptions): O;
  /** Makes what goes up and down. */
  createObservableGauge(name: string, options: MeterOptions): O;
  /** Makes what is recorded value by value. */
  createHistogram(
    name: string,
    options: MeterOptions,
  ): { record(value: number): void };
  /** Has `callback` called whenever somebody collects. */
  addBatchObservableCallback(
    callback: (result: MeterResult<O>) => void | Promise<void>,
    observables: O[],
  ): void;
  /** Has it called no more. */
  removeBatchObservableCallback(
    callback: (result: MeterResult<O>) => void | Promise<void>,
    observables: O[],
  ): void;
}

/**
 * Reports the metrics of `engine` to `meter`, of `@opentelemetry/api`: without an SDK
 * that does nothing. Returns what stops it.
 */
export function telemetry<O>(engine: Engine, meter: Meter<O>): () => void {
  const stops: (() => void)[] = [];
  const observed = new Map<O, Instrument>();
  for (const instrument of instruments) {
    const { name, kind, unit, help: description, read } = instrument;
    const options = { description, unit };
    const measured = read(engine);
    if (measured instanceof Histogram) {
      const { bounds, listeners } = measured;
      const advice = { explicitBucketBoundaries: [...bounds] };
      const histogram = meter.createHistogram(name, { ...options, advice });
      const record = (value: number) => histogram.record(value);
      listeners.add(record);
      stops.push(() => void listeners.delete(record));
    } else {
      const observable = kind === "counter"
        ? meter.createObservableCounter(name, options)
        : meter.createObservableGauge(name, options);
      observed.set(observable, instrument);
    }
  }
  const report = async (result: MeterResult<O>) => {
    await engine.node.health.check();
    for (const [observable, { label, read }] of observed) {
      const measured = read(engine);
      if (typeof measured === "number") result.observe(observable, measured);
      else if (!(measured instanceof Histogram)) {
        for (const [value, number] of measured) {
          result.observe(observable, number, { [label!]: value });
        }
      }
    }
  };
  const observables = [...observed.keys()];
  meter.addBatchObservableCallback(report, observables);
  stops.push(() => meter.removeBatchObservableCallback(report, observables));
  return () => {
    for (const stop of stops) stop();
  };
}
