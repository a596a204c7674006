import {
  type ArgumentsHost,
  Body,
  Catch,
  Controller,
  type DynamicModule,
  type ExceptionFilter,
  Get,
  Inject,
  Module,
  Post,
  Query,
  Res,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import type { Response } from 'express';
import { type EngineFactory, signalOf } from 'mikro-orm-uow';
import { UnitOfWorkHealthIndicator, UnitOfWorkModule } from 'mikro-orm-uow/nestjs';
import { Refused, secondsOf, Transfers, transferOf } from '../service/transfers.js';
import { AccountRepository, TransferUnitOfWork } from '../service/unit-of-work.js';

@Controller()
class TransferController {
  constructor(@Inject(Transfers) private readonly transfers: Transfers) {}

  @Post('transfers')
  async transfer(@Body() body: unknown, @Res({ passthrough: true }) response: Response) {
    const { from, to, amount } = transferOf(body);
    await this.transfers.transfer(from, to, amount, signalOf(response));
    return { from, to, amount };
  }

  @Get('total')
  async total(@Query('seconds') seconds: string, @Res({ passthrough: true }) response: Response) {
    return { total: await this.transfers.total(secondsOf(seconds), signalOf(response)) };
  }
}

@Controller('health')
class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(UnitOfWorkHealthIndicator) private readonly database: UnitOfWorkHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.database.check('database', { timeout: 1_000 })]);
  }
}

@Catch(Refused, TypeError)
class Refusals implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    response.status(error instanceof Refused ? 409 : 400).json({ error: error.message });
  }
}

/** The service on NestJS. The engine is disposed of at shutdown, after the server was closed. */
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: Nest knows a module by its class
export class AppModule {
  static on(engine: EngineFactory): DynamicModule {
    return {
      module: AppModule,
      imports: [
        UnitOfWorkModule.forRoot({ engine, repositories: [AccountRepository], unitsOfWork: [TransferUnitOfWork] }),
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [TransferController, HealthController],
      providers: [
        {
          provide: Transfers,
          inject: [TransferUnitOfWork],
          useFactory: (uow: TransferUnitOfWork) => new Transfers(uow),
        },
        { provide: APP_FILTER, useClass: Refusals },
      ],
    };
  }
}
