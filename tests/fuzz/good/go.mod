module example.org/a

go 1.22

require (
	example.org/b v1.2.3 // indirect
)
replace example.org/b => ../b
