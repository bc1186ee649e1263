package stack

import (
	"context"
	"testing"
	"time"
)

func TestIRC(t *testing.T) {
	Need(t, "ngircd")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	server, err := StartNgircd(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	reader, err := JoinIRC(ctx, server.Addr, "alice", "#oncall")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	speaker, err := JoinIRC(ctx, server.Addr, "bob", "#oncall")
	if err != nil {
		t.Fatal(err)
	}
	defer speaker.Close()
	speaker.send("PRIVMSG #oncall :alice: mind the gap")
	h, err := reader.Wait(ctx, func(h Heard) bool { return h.From == "bob" })
	if err != nil || h.Target != "#oncall" || h.Text != "alice: mind the gap" {
		t.Errorf("heard %+v, %v", h, err)
	}
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := reader.Wait(ctx, func(Heard) bool { return false }); err == nil || ctx.Err() != nil {
		t.Errorf("after the server's end: %v", err)
	}
}
