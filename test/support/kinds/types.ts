import { type Platform, Type } from '@mikro-orm/core';

/** A value object, stored as jsonb. */
export class Look {
  constructor(
    readonly theme: string,
    public size: number,
  ) {}
}

export class LookType extends Type<Look | null, string | null> {
  override convertToDatabaseValue(value: Look | null): string | null {
    return value === null ? null : JSON.stringify({ theme: value.theme, size: value.size });
  }

  override convertToJSValue(value: unknown): Look | null {
    const { theme, size } = (typeof value === 'string' ? JSON.parse(value) : value) as Look;
    return new Look(theme, size);
  }

  override getColumnType(): string {
    return 'jsonb';
  }
}

/** A value object, stored as text. */
export class Money {
  constructor(
    readonly cents: number,
    readonly currency: string,
  ) {}
}

export class MoneyType extends Type<Money, string> {
  override convertToDatabaseValue(value: Money | string): string {
    return typeof value === 'string' ? value : `${value.cents} ${value.currency}`;
  }

  override convertToJSValue(value: Money | string): Money {
    if (typeof value !== 'string') {
      return value;
    }
    const [cents, currency] = value.split(' ') as [string, string];
    return new Money(Number(cents), currency);
  }

  override getColumnType(): string {
    return 'text';
  }
}

/** A boolean that the database has the other way round. */
export class InvertedType extends Type<boolean, boolean> {
  override convertToDatabaseValue(value: boolean): boolean {
    return !value;
  }

  override convertToJSValue(value: boolean): boolean {
    return !value;
  }

  override getColumnType(): string {
    return 'boolean';
  }

  override compareAsType(): string {
    return 'boolean';
  }
}

/** A place, which goes to the database as text, and comes back from the driver as an object. */
export class Spot {
  constructor(
    readonly x: number,
    readonly y: number,
  ) {}
}

export class SpotType extends Type<Spot, string> {
  override convertToDatabaseValue(value: Spot): string {
    return `(${value.x},${value.y})`;
  }

  override convertToJSValue(value: unknown): Spot {
    if (typeof value === 'string') {
      const [x, y] = value.slice(1, -1).split(',').map(Number) as [number, number];
      return new Spot(x, y);
    }
    const { x, y } = value as Spot;
    return new Spot(x, y);
  }

  override getColumnType(): string {
    return 'point';
  }
}

/** Hundredths in the database, which converts them itself. */
export class HundredthsType extends Type<number, number> {
  override convertToJSValue(value: number | string): number {
    return Number(value);
  }

  override convertToJSValueSQL(key: string, _platform: Platform): string {
    return `(${key} / 100.0)::float8`;
  }

  override convertToDatabaseValueSQL(key: string, _platform: Platform): string {
    return `(${key} * 100)::int`;
  }

  override getColumnType(): string {
    return 'int';
  }
}

/** Value objects in an array. */
export class Level {
  constructor(readonly n: number) {}
}

export class LevelsType extends Type<Level[], string> {
  override convertToDatabaseValue(value: Level[]): string {
    return `{${value.map(({ n }) => n).join(',')}}`;
  }

  override convertToJSValue(value: unknown): Level[] {
    const list = typeof value === 'string' ? value.slice(1, -1).split(',').filter(Boolean) : (value as number[]);
    return list.map((n) => new Level(Number(n)));
  }

  override getColumnType(): string {
    return 'int[]';
  }
}
