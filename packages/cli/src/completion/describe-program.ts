import type { Command } from 'commander';

export interface OptionWords {
  /** `--config`, `-c`. */
  readonly words: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  readonly flags: string;
  readonly defaultValue: unknown;
}

export interface CommandWords {
  readonly name: string;
  readonly description: string;
  readonly usage: string;
  /** Whether its first argument is the name of a node. */
  readonly takesNode: boolean;
  readonly options: readonly OptionWords[];
}

/** What can be typed, read off the program itself, so that no list can be forgotten. */
export function describeProgram(program: Command): readonly CommandWords[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    usage: command.usage(),
    takesNode: command.registeredArguments[0]?.name() === 'node',
    options: command.options.map((option) => ({
      words: [option.long, option.short].filter((word) => word !== undefined && word !== null),
      description: option.description,
      takesValue: option.required || option.optional,
      flags: option.flags,
      defaultValue: option.defaultValue,
    })),
  }));
}
