import { showUnit, type UnitPlace } from './systemctl.ts';
import { judgeUnit, type UnitFinding, type UnitLimits } from './unit-rules.ts';

/** What a node's unit says that would lose something. Throws as `check` of its runner does. */
export async function checkUnit(place: UnitPlace, limits: UnitLimits): Promise<readonly UnitFinding[]> {
  return judgeUnit(await showUnit(place), limits);
}
