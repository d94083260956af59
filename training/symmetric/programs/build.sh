g++ -O3 -march=native -mprefer-vector-width=512 -fno-math-errno -fno-trapping-math -ffp-contract=fast -shared -fPIC -o symk.tmp.so symk.cpp && mv symk.tmp.so symk.so
