# Word counts, nested data and substitutions: what Perl allocates most.
use strict;
use warnings;

my $state = 42;
sub random { $state = ($state * 1103515245 + 12345) % 2147483648; return int($state / 65536) % $_[0]; }

my %count;
for my $i (1 .. 250_000) { $count{ "word" . random(20011) }++; }

my @records;
for my $i (1 .. 40_000) {
    push @records, { number => $i, name => "name$i", tags => [ map { "tag" . random(100) } 1 .. random(6) ] };
}
my %by_tag;
for my $record (@records) { push @{ $by_tag{$_} }, $record->{name} for @{ $record->{tags} }; }

my $text = join ' ', map { "alpha$_ beta" . ($_ * 7 % 13) } 1 .. 60_000;
my $changed = ( $text =~ s/beta(\d+)/<$1>/g );
my @parts = split / /, $text;

my @sorted = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
my $checksum = 0;
$checksum = ( $checksum * 31 + length($_) * $count{$_} ) % 1000003 for @sorted;
for my $tag ( sort keys %by_tag ) { $checksum = ( $checksum + @{ $by_tag{$tag} } * length join( ',', @{ $by_tag{$tag} } ) ) % 1000003; }
print "$sorted[0] $changed ", scalar(@parts), " $checksum\n";
