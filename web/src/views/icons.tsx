// Drawn by hand on a grid of 24, in the colour of the text beside them.

import type { JSX } from 'preact';

function icon(paths: JSX.Element) {
  return function Icon() {
    return (
      <svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8"
        stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
        {paths}
      </svg>
    );
  };
}

export const PlayIcon = icon(<path d="M8 5.5v13l11-6.5z" fill="currentColor" />);
export const PauseIcon = icon(<path d="M8.5 5.5v13M15.5 5.5v13" stroke-width="3.4" />);
export const MicIcon = icon(<><rect x="9" y="3" width="6" height="11" rx="3" /><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" /></>);
export const StopIcon = icon(<rect x="6.5" y="6.5" width="11" height="11" rx="2.5" fill="currentColor" />);
export const InboxIcon = icon(<><path d="M4 13.5 6.6 5.8A1.5 1.5 0 0 1 8 4.8h8a1.5 1.5 0 0 1 1.4 1l2.6 7.7v4.2a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 17.700z" /><path d="M4 13.500h4.500l1.2 2.300h4.600l1.2-2.300H20" /></>);
export const SentIcon = icon(<path d="M20 4.5 10.5 14M20 4.500l-6 15.5-3.5-6-6-3.500z" />);
export const GearIcon = icon(<><path d="M4 7h9M17.5 7H20M4 17h2.500M11 17h9" /><circle cx="15.2" cy="7" r="2.2" /><circle cx="8.8" cy="17" r="2.2" /></>);
export const CloseIcon = icon(<path d="m6.5 6.5 11 11M17.5 6.500l-11 11" />);
export const UpIcon = icon(<path d="M12 19V5.500M6 11l6-6 6 6" />);
export const DownIcon = icon(<path d="M12 5v13.500M6 13l6 6 6-6" />);
export const TrashIcon = icon(<path d="M4.5 7h15M9.5 7V4.500h5V7M6.5 7l.8 12.500h9.400L17.5 7M10.3 11v5M13.7 11v5" />);
export const KeepIcon = icon(<path d="M7 4.500h10v15l-5-3.8-5 3.800z" />);
export const KeptIcon = icon(<path d="M7 4.500h10v15l-5-3.8-5 3.800z" fill="currentColor" />);
export const LinkIcon = icon(<path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.700l1-1" />);
export const ReplyIcon = icon(<path d="M10 6 4.5 11.5 10 17M4.5 11.500H14a5.5 5.5 0 0 1 5.5 5.500v1" />);
export const CheckIcon = icon(<path d="m5.5 12.5 4.3 4.300L18.5 8" stroke-width="2.4" />);
export const PhoneIcon = icon(<path d="M7.5 4.500H5.800a1.5 1.5 0 0 0-1.5 1.600A15.2 15.2 0 0 0 17.9 19.700a1.5 1.5 0 0 0 1.6-1.500v-2.400l-4-1.6-1.7 2a12 12 0 0 1-6-6l2-1.700z" />);
export const ExitIcon = icon(<path d="M10 4.500H6A1.5 1.5 0 0 0 4.5 6v12A1.5 1.5 0 0 0 6 19.500h4M15 8l4 4-4 4M19 12H9.5" />);
export const BellIcon = icon(<path d="M6.5 10a5.5 5.5 0 0 1 11 0c0 5 2 6 2 6h-15s2-1 2-6M10.2 19.500a2 2 0 0 0 3.6 0" />);
export const PlusIcon = icon(<path d="M12 5.500v13M5.5 12h13" />);

export const ChatIcon = icon(<path d="M5.500 5h13A1.5 1.5 0 0 1 20 6.500v8a1.5 1.5 0 0 1-1.5 1.500H12l-4.500 4v-4h-2A1.500 1.500 0 0 1 4 14.500v-8A1.500 1.500 0 0 1 5.500 5zM8 9h8M8 12.300h5" />);
export const BackIcon = icon(<path d="M14.500 5.500 8 12l6.500 6.500" />);

export function Mark() {
  return <img class="mark" src="/favicon.svg" alt="" width="32" height="32" />;
}
