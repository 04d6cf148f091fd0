/** The settings of a run as options, made from their schema: a setting that is added there has its flag here. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { describeSettings, type RunSettings, type SettingDescription } from '../run/settings.js';

/** Flags that are not spelt like their setting. */
const FLAGS: Partial<Record<keyof RunSettings, string>> = { gateK: 'k' };

/** Settings that were given as options. */
export type GivenSettings = Partial<RunSettings>;

/** Adds an option for every setting but `except`; `texts` replace what the schema says of a default. */
export function addSettingOptions(
  command: Command,
  { except = [], texts = {} }: { except?: readonly (keyof RunSettings)[]; texts?: Partial<Record<keyof RunSettings, string>> } = {},
): Command {
  for (const setting of describeSettings()) {
    if (except.includes(setting.name)) continue;
    command.addOption(optionOf(setting, texts[setting.name] ?? `${setting.text} (default: ${setting.standard})`));
  }
  return command;
}

function optionOf({ name, choices }: SettingDescription, text: string): Option {
  const option = new Option(`--${flagOf(name)} <${choices === undefined ? 'number' : 'name'}>`, text).helpGroup('Settings of the run:');
  return choices === undefined ? option.argParser(numberOf) : option.choices(choices);
}

/** Of all flags of a command, the settings that were given. */
export function givenSettings(flags: object): GivenSettings {
  const values = flags as Readonly<Record<string, unknown>>;
  const given = describeSettings().map(({ name }) => [name, values[attributeOf(name)]] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** headHidden is --head-hidden. */
const flagOf = (name: keyof RunSettings): string => FLAGS[name] ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const attributeOf = (name: keyof RunSettings): string => FLAGS[name] ?? name;

function numberOf(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
}
