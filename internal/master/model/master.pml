/*
 * The master's accounting and fairness as a model for spin: one service, its workers, its clients, and a loop that may be
 * interrupted at any moment. docs/master-proof.md says how to read it.
 *
 * With ORIGINAL defined the loop is the one of the master that this one replaces, as it once was: an interrupted wait
 * starts the round again, before messages are read and clients are looked at, and nobody looks again at clients that
 * wait though a worker is believed ready.
 */

#ifndef MAX
#define MAX   2 /* maxchild; with 1 there is a place in the table that must not be filled */
#endif
#define SLOTS 2 /* places in the table of children */
#define PIPE  1 /* messages that fit into a status pipe; then the worker waits */
#define QUEUE 1 /* clients that fit into the listening socket */

mtype = { available, unavailable }; /* messages */
mtype = { gone, ready, busy };      /* what a child is believed to be */
mtype = { polite, rude };           /* clients: one that is watched, and all the others */

/* What is so. */
chan pipe[SLOTS] = [PIPE] of { mtype };
chan queue = [QUEUE] of { mtype };
bool lives[SLOTS];   /* was forked and has not ended */
bool serves[SLOTS];  /* holds a client */
bool owes[SLOTS];    /* has changed and not said so yet */
bool hangs[SLOTS];   /* accepts nothing any more */
bool ended[SLOTS];   /* the kernel knows of its end, and the master does not */
bool interrupted;    /* a signal has come */
bool waits;          /* the polite client waits */
bool moved;          /* a client was accepted since the last look */
byte crashes = 1;    /* that may still happen */
byte stalls = MAX - 1; /* who hangs needs another beside it */

/* What the master believes. */
mtype class[SLOTS] = gone;
byte nready, nactive;
byte patience; /* rounds in which clients waited and nobody accepted one */

#define number(c)  ((class[0] == c) + (class[1] == c))
#define quiet(k)   (lives[k] && !owes[k] && len(pipe[k]) == 0)
#define right(k)   ((class[k] == busy) == serves[k])

/*
 * Every number is what the table gives, and never above maxchild. A worker that has nothing left to say, and whose words
 * were all heard, is believed to be what it is.
 */
ltl accounting { [] (nready == number(ready) && nactive == number(ready) + number(busy) && nactive <= MAX &&
	(!quiet(0) || right(0)) && (!quiet(1) || right(1))) }

/* A client that waits is served. */
ltl served { [] (waits -> <> !waits) }

/* Each source is turned to: ends, messages, signals. */
ltl reaped { [] (ended[0] -> <> !ended[0]) }
ltl heard { [] (len(pipe[0]) == PIPE -> <> !(len(pipe[0]) == PIPE)) }
ltl noticed { [] (interrupted -> <> !interrupted) }

inline die(k) {
	d_step {
		crashes > 0 -> crashes--;
		lives[k] = false; serves[k] = false; owes[k] = false; hangs[k] = false;
		ended[k] = true
	}
}

/* A worker serves one client at a time, as the programs of the original do. It may crash or hang at any moment. */
active [SLOTS] proctype Worker() {
	mtype who;
start:
	lives[_pid];
	do
	:: atomic { !hangs[_pid] -> queue?who ->
		waits = waits && who != polite;
		moved = true; serves[_pid] = true; owes[_pid] = true
	   }
	   if
	   :: d_step { len(pipe[_pid]) < PIPE -> pipe[_pid]!unavailable; owes[_pid] = false }
	   :: die(_pid); goto start
	   fi;
	   if /* it has served it */
	   :: d_step { serves[_pid] = false; owes[_pid] = true }
	   :: die(_pid); goto start
	   fi;
	   if
	   :: d_step { len(pipe[_pid]) < PIPE -> pipe[_pid]!available; owes[_pid] = false }
	   :: die(_pid); goto start
	   fi
	:: die(_pid); goto start
	:: d_step { stalls > 0 && !hangs[_pid] -> stalls--; hangs[_pid] = true }
	od
}

active proctype Polite() {
	do
	:: atomic { !waits && len(queue) < QUEUE -> queue!polite; waits = true }
	od
}

active proctype Rude() {
	do
	:: queue!rude
	od
}

/* Signals come from outside, as often as somebody likes. */
active proctype Signals() {
	do
	:: !interrupted -> interrupted = true
	od
}

/* A child is free for another only when all that the one before said has been read. */
#define vacant(k) (class[k] == gone && !lives[k] && !ended[k] && len(pipe[k]) == 0)

inline fork() {
	if
	:: nactive < MAX && vacant(0) -> lives[0] = true; class[0] = ready; nready++; nactive++
	:: nactive < MAX && !vacant(0) && vacant(1) -> lives[1] = true; class[1] = ready; nready++; nactive++
	:: else
	fi
}

inline reap(k) {
	if
	:: ended[k] ->
		ended[k] = false;
		nready = nready - (class[k] == ready);
		nactive--;
		class[k] = gone
	:: else
	fi
}

/* One message of each child and round. */
inline listen(k) {
	if
	:: len(pipe[k]) > 0 ->
		pipe[k]?said;
		if
		:: class[k] == ready && said == unavailable -> class[k] = busy; nready--
		:: class[k] == busy && said == available -> class[k] = ready; nready++
		:: else
		fi;
		said = 0
	:: else
	fi
}

/* A round: signals, ends, messages, clients, and the time. */
active proctype Master() {
	mtype said;
	bool again;
	do
	:: d_step { again = interrupted; interrupted = false; reap(0); reap(1) }
#ifdef ORIGINAL
	   if
	   :: again -> again = false; goto next
	   :: else
	   fi;
#endif
	   d_step { listen(0); listen(1) }
	   d_step {
		if
		:: len(queue) > 0 && nready == 0 -> fork()
		:: else
		fi;
#ifndef ORIGINAL
		if
		:: len(queue) == 0 || moved -> patience = 0; moved = false
		:: else -> patience++
		fi;
		if
		:: patience == 2 -> patience = 0; fork()
		:: else
		fi;
#endif
		again = false
	   }
next:	   skip
	od
}
