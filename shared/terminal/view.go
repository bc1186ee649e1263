package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// View is what is shown, and drawn anew, until a key ends it.
type View struct {
	Every time.Duration // between two looks

	// Look asks how things are now, in a goroutine of its own. What it returns takes the answer over, and is called by the
	// goroutine of Show, as are Draw and Key.
	Look func(ctx context.Context) func()
	// Draw returns the lines to show, which it has made printable; a height of 0 is none. It is called after each look, and
	// after each key.
	Draw func(width, height int) []string
	// Key is told of a key that was pressed. False ends the view.
	Key func(key byte) bool
}

// The sequences: xterm's alternate screen (DEC private mode 1049), the cursor (25), and ECMA-48's CUP, ED and EL.
const (
	enter = "\x1b[?1049h\x1b[?25l"
	leave = "\x1b[?25h\x1b[?1049l"
	home  = "\x1b[H"
	below = "\x1b[J"
	rest  = "\x1b[K"
)

// Run shows the view at out, if that is a terminal and so is the standard input. Once, or if not, it looks twice, for what is
// counted between two looks, and prints the lines: all of them, for Draw is told that the height is none.
func (v *View) Run(ctx context.Context, once bool, out io.Writer) error {
	if f, ok := out.(*os.File); ok && !once && Is(f) && Is(os.Stdin) {
		return v.Show(ctx, os.Stdin, f)
	}
	v.Look(ctx)()
	t := time.NewTimer(v.Every)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	v.Look(ctx)()
	for _, line := range v.Draw(0, 0) {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

// Show takes the terminal over until the view ends, ctx is done, or a signal asks the process to end; then it is given
// back as it was. Both files must be terminals.
func (v *View) Show(ctx context.Context, in, out *os.File) (err error) {
	was, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		return fmt.Errorf("ask the terminal how it is set: %w", err)
	}
	now := *was
	now.Lflag &^= unix.ICANON | unix.ECHO                               // keys come at once, and Ctrl-C is still a signal
	now.Cc[unix.VMIN], now.Cc[unix.VTIME], now.Cc[unix.VSUSP] = 1, 0, 0 // who stopped it would sit before a foreign screen
	// The signals first: one that came between would leave the terminal as it is then.
	ctx, stop := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	defer stop()
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, unix.SIGWINCH)
	defer signal.Stop(resized)
	defer func() {
		_, werr := out.WriteString(leave)
		err = errors.Join(err, werr, unix.IoctlSetTermios(int(in.Fd()), unix.TCSETSW, was))
	}()
	if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &now); err != nil {
		return fmt.Errorf("set the terminal: %w", err)
	}
	if _, err := out.WriteString(enter); err != nil {
		return err
	}
	return v.loop(ctx, keys(in), resized, out)
}

// loop looks, draws and hears. Looking is done aside, so that a daemon that does not answer holds up no key.
func (v *View) loop(ctx context.Context, pressed <-chan byte, resized <-chan os.Signal, out *os.File) error {
	looked := make(chan func(), 1)
	look := func() { looked <- v.Look(ctx) }
	go look()
	for {
		select {
		case <-ctx.Done():
			return nil
		case k, ok := <-pressed:
			if !ok || !v.Key(k) {
				return nil
			}
		case <-resized:
		case take := <-looked:
			take()
			time.AfterFunc(v.Every, look)
		}
		width, height := Size(out)
		if err := draw(out, v.Draw(width, height), width, height); err != nil {
			return err
		}
	}
}

// keys reads one byte a key. Its goroutine lives until the terminal says more, or the process ends.
func keys(in *os.File) <-chan byte {
	pressed := make(chan byte)
	go func() {
		defer close(pressed)
		for b := make([]byte, 1); ; {
			if n, err := in.Read(b); n == 0 || err != nil {
				return
			}
			pressed <- b[0]
		}
	}()
	return pressed
}

// draw writes the lines over those that are there.
func draw(out *os.File, lines []string, width, height int) error {
	var b strings.Builder
	b.WriteString(home)
	for i, line := range lines[:min(len(lines), height)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(cut(line, width) + rest)
	}
	b.WriteString(below)
	_, err := out.WriteString(b.String())
	return err
}

// cut is the beginning of a line that is too wide.
func cut(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:width])
}
