package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// needsPerl is needs for a module of Perl.
func needsPerl(t *testing.T, module, debian string) {
	t.Helper()
	if exec.Command("perl", "-M"+module, "-e1").Run() != nil {
		needs(t, "perl, or its module "+module, debian)
	}
}

// TestPerlIMAPClient uses most of what Mail::IMAPClient can do: what scripts of administrators and imapsync are made of.
func TestPerlIMAPClient(t *testing.T) {
	needsPerl(t, "Mail::IMAPClient", "libmail-imapclient-perl")
	s := clientServer(t)
	home := t.TempDir()
	deliverMany(t, s, "alice", 0, 10)
	s.Run(t, "", "user", "quota", "alice", "--storage", "5000 KiB")
	script := write(t, filepath.Join(home, "t.pl"), `
use strict; use warnings; use Mail::IMAPClient;
my ($port, $binary, $data, $letter) = @ARGV;
sub client {
    Mail::IMAPClient->new(Server => "127.0.0.1", Port => $port, User => "alice", Password => "wonderland", Uid => 1, Peek => 1, @_)
        or die "connecting: $@";
}
sub is { my ($got, $want, $what) = @_; $got eq $want or die "$what: got $got, want $want, after " . join("", (caller)[2]) . "\n" }
my $c = client();
sub ok { my ($ok, $what) = @_; defined $ok or die "$what: " . $c->LastError . "\n"; $ok }

ok($c->has_capability("UIDPLUS"), "UIDPLUS"); is($c->separator, "/", "separator");
is($c->namespace->[0][0][1], "/", "namespace");
ok($c->create("Box \"one\" \\ two"), "CREATE"); ok($c->create("Archive/2026"), "CREATE");
ok($c->subscribe("Archive/2026"), "SUBSCRIBE");
ok((grep { $_ eq "Archive/2026" } $c->subscribed) || undef, "LSUB"); ok((grep { $_ eq "Archive/2026" } $c->folders) || undef, "LIST");
is($c->is_parent("Archive") ? 1 : 0, 1, "is_parent"); is($c->selectable("INBOX") ? 1 : 0, 1, "selectable");
is($c->exists("none") ? 1 : 0, 0, "exists");

ok($c->select("INBOX"), "SELECT"); is($c->message_count, 10, "message_count"); is($c->unseen_count || 0, 10, "unseen_count");
my $text = "From: a\@example.org\r\nSubject: by string\r\n\r\n" . "x" x 70000 . "\r\n";
my $uid = ok($c->append_string("INBOX", $text, "\\Seen \\Flagged", "15-Oct-2026 10:00:00 +0200"), "APPEND");
is($c->message_string($uid), $text, "message_string"); is($c->size($uid), length $text, "size");
is($c->internaldate($uid), "15-Oct-2026 08:00:00 +0000", "internaldate");
my $other = ok($c->append_file("Box \"one\" \\ two", $letter), "append_file");
is(join(" ", grep { $_ ne "\\Recent" } sort $c->flags($uid)), "\\Flagged \\Seen", "flags");
is(join(",", $c->search("SUBJECT", "by string")), $uid, "SEARCH");
is(join(",", $c->search("UNSEEN")), join(",", 1 .. 10), "SEARCH UNSEEN");
is(join(",", $c->since("05-Oct-2026")), join(",", 1 .. 11), "SINCE");
is(join(",", $c->search("FROM", "s3\@example.org")), 4, "SEARCH by literal");

ok($c->see(1, 2, 3), "see"); ok($c->set_flag('$Work', 2), "set_flag"); ok($c->unset_flag("\\Seen", 3), "unset_flag");
is(join(",", $c->search('KEYWORD $Work')), 2, "KEYWORD"); is($c->unseen_count, 8, "unseen_count");
my $h = $c->parse_headers([1 .. 10], "Subject", "Message-ID");
is($h->{5}{Subject}[0], "Message 4", "parse_headers");
my $f = $c->fetch_hash("1:11", "FLAGS", "RFC822.SIZE", "BODY[HEADER.FIELDS (SUBJECT)]");
is(scalar keys %$f, 11, "fetch_hash"); is($f->{11}{"RFC822.SIZE"}, length $text, "fetch_hash");
my $e = $c->get_envelope(4);
is($e->subject, "Message 3", "envelope"); is($e->from_addresses, "Sender 3 <s3\@example.org>", "envelope");
is($c->get_bodystructure(4)->bodysubtype, "PLAIN", "bodystructure");
is($c->bodypart_string($uid, 1, 5, 10), "xxxxx", "bodypart_string"); is(length $c->body_string($uid), 70002, "body_string");
is($c->get_header(7, "Subject"), "Message 6", "get_header");

like2($c->copy("Archive/2026", 1, 2, $uid)); is($c->message_count("Archive/2026"), 3, "STATUS");
ok($c->move("Archive/2026", [9, 10]), "move"); ok($c->expunge, "expunge"); is($c->message_count, 9, "message_count");
ok($c->delete_message(8) || undef, "delete_message"); ok($c->uidexpunge(8), "UID EXPUNGE"); is($c->message_count, 8, "message_count");
is(join(",", $c->sort("REVERSE SUBJECT", "UTF-8", "UID 1:3")), "3,2,1", "SORT") if $c->has_capability("SORT");
is(scalar @{$c->thread("REFERENCES", "UTF-8", "ALL")}, 8, "THREAD") if $c->has_capability("THREAD=REFERENCES");
sub like2 { $_[0] =~ /^[\d:,]+$/ or die "copy: $_[0]" }

# another session, compressed and with numbers instead of UIDs, is told of what this one does, and of a delivery
my $d = client(Uid => 0, Compress => eval { require Compress::Zlib } ? 1 : 0);
$d->select("INBOX"); my $tag = $d->idle or die "IDLE";
ok($c->set_flag("\\Answered", 1), "set_flag");
my @told = $d->idle_data(30); ok((grep { /^\* 1 FETCH/ } @told) || undef, "in IDLE: @told");
system($binary, "deliver", "--to", "alice", "--data", $data, $letter) == 0 or die "deliver";
@told = $d->idle_data(30); ok((grep { /^\* 9 EXISTS/ } @told) || undef, "in IDLE: @told");
$d->done($tag) or die "DONE: " . $d->LastError; is($d->message_count, 9, "message_count"); $d->logout;

ok($c->rename("Archive/2026", "Archive/2027"), "rename"); ok($c->select("Archive/2027"), "SELECT");
ok($c->message_to_file("$data.copy", ($c->messages)[0]), "message_to_file"); is(-s "$data.copy", ($c->size(1)), "its size");
ok($c->close, "CLOSE"); ok($c->delete("Archive/2027"), "DELETE");
is(scalar grep({ /^\* QUOTA "" .*STORAGE \d+ 5000/ } $c->getquotaroot("INBOX")), 1, "GETQUOTAROOT");
if ($c->has_capability("ACL")) {
    ok($c->setacl("Sent", "bob", "lrs"), "SETACL");
    is($c->getacl("Sent")->{bob}, "lrs", "GETACL");
    ok($c->deleteacl("Sent", "bob"), "DELETEACL");
}
ok($c->logout, "LOGOUT");
print "done\n";
`)
	file := write(t, filepath.Join(home, "m.eml"), letter(3))
	if got := runProgram(t, home, "", "perl", script, port(t, s.IMAP), s.Binary, s.Dir, file); !strings.HasSuffix(got, "\ndone\n") {
		t.Errorf("got %q", got)
	}
}
