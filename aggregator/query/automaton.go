package query

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
)

// tooComplex reports whether the deterministic automaton of an expression has more than maxStates states, or is so
// much work to make that nobody should try.
func tooComplex(tree *syntax.Regexp) bool {
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil || len(prog.Inst) > maxStates {
		return true
	}
	d := automaton{prog: prog, work: maxWork, seen: map[string]bool{}}
	d.add(d.closure(nil, uint32(prog.Start)))
	letters := alphabet(prog)
	for i := 0; i < len(d.states); i++ {
		for _, r := range letters {
			var next []uint32
			for _, pc := range d.states[i] {
				d.work--
				if in := &prog.Inst[pc]; in.Op != syntax.InstMatch && in.MatchRune(r) {
					next = d.closure(next, in.Out)
				}
			}
			if d.add(next); d.work < 0 || len(d.states) > maxStates || d.size > maxSize {
				return true
			}
		}
	}
	return false
}

// automaton is what there is of a deterministic automaton: its states are sets of instructions.
type automaton struct {
	prog   *syntax.Prog
	states [][]uint32
	seen   map[string]bool
	work   int // what is left
	size   int // of all states
}

// add takes a set as a state, unless there is one.
func (d *automaton) add(set []uint32) {
	slices.Sort(set)
	set = slices.Compact(set)
	d.work -= len(set)
	d.size += len(set)
	key := make([]byte, 0, 4*len(set))
	for _, pc := range set {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	if !d.seen[string(key)] {
		d.seen[string(key)] = true
		d.states = append(d.states, set)
	}
}

// closure adds to a set the instructions that read a character, or end, and that pc leads to.
func (d *automaton) closure(set []uint32, pc uint32) []uint32 {
	been := map[uint32]bool{}
	var visit func(pc uint32)
	visit = func(pc uint32) {
		if been[pc] {
			return
		}
		been[pc] = true
		d.work--
		switch in := &d.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			visit(in.Out)
			visit(in.Arg)
		case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
			visit(in.Out)
		case syntax.InstFail:
		default:
			set = append(set, pc)
		}
	}
	visit(pc)
	return set
}

// alphabet returns a character of each kind that a program tells apart.
func alphabet(prog *syntax.Prog) []rune {
	letters := []rune{0}
	for i := range prog.Inst {
		in := &prog.Inst[i]
		switch {
		case in.Op == syntax.InstRuneAnyNotNL:
			letters = append(letters, '\n', '\n'+1)
		case len(in.Rune) == 1: // one character, or with FoldCase its other cases
			letters = append(letters, in.Rune[0], in.Rune[0]+1)
		default:
			for j := 0; j+1 < len(in.Rune); j += 2 {
				letters = append(letters, in.Rune[j], in.Rune[j+1]+1)
			}
		}
	}
	slices.Sort(letters)
	return slices.Compact(letters)
}
