export { Notifier } from './notifier.ts';
export { type NotifySettings, readNotifySettings } from './notify-settings.ts';
